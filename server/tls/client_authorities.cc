#include "server/tls/client_authorities.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <map>

#include "absl/base/thread_annotations.h"
#include "absl/memory/memory.h"
#include "absl/synchronization/mutex.h"
#include "server/tls/refused_certificate.h"

namespace token_service::tls {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
  void operator()(X509_STORE_CTX* context) const { X509_STORE_CTX_free(context); }
  void operator()(STACK_OF(X509) * chain) const { sk_X509_pop_free(chain, X509_free); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;
using Chain = Owned<STACK_OF(X509)>;

// What a chain of one client may take, and what is remembered of all.
constexpr int kMostOfAClient = 16;
constexpr size_t kMostRemembered = 256;

Owned<BIO> BioOf(std::string_view text) {
  return Owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Chain ParseChain(std::string_view pem) {
  Chain chain(sk_X509_new_null());
  const Owned<BIO> bio = BioOf(pem);
  while (chain != nullptr && sk_X509_num(chain.get()) < kMostOfAClient) {
    X509* const next = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr);
    if (next == nullptr) break;
    sk_X509_push(chain.get(), next);
  }
  return chain;
}

// The certificates between clients and authorities that have led to one before. They are public,
// and prove nothing by themselves: a signature does.
class Intermediates {
 public:
  void Remember(const STACK_OF(X509) * chain) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    for (int i = 0; i < sk_X509_num(chain) && known_.size() < kMostRemembered; ++i) {
      X509* const certificate = sk_X509_value(chain, i);
      if (X509_check_ca(certificate) == 0) continue;
      unsigned char digest[EVP_MAX_MD_SIZE];
      unsigned int size = 0;
      if (X509_digest(certificate, EVP_sha256(), digest, &size) != 1) continue;
      Owned<X509>& place = known_[std::string(reinterpret_cast<const char*>(digest), size)];
      if (place == nullptr && X509_up_ref(certificate) == 1) place.reset(certificate);
    }
  }

  Chain All() const ABSL_LOCKS_EXCLUDED(mutex_) {
    Chain chain(sk_X509_new_null());
    absl::MutexLock lock(&mutex_);
    for (const auto& [digest, certificate] : known_) {
      if (chain == nullptr || X509_up_ref(certificate.get()) != 1) continue;
      sk_X509_push(chain.get(), certificate.get());
    }
    return chain;
  }

 private:
  mutable absl::Mutex mutex_;
  std::map<std::string, Owned<X509>> known_ ABSL_GUARDED_BY(mutex_);
};

// Never destroyed: gRPC's threads go on to the end.
Intermediates& KnownIntermediates() {
  static auto* const known = new Intermediates();
  return *known;
}

absl::Time EndOf(const X509* certificate) {
  std::tm utc{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &utc) != 1) return absl::InfinitePast();
  return absl::FromTM(utc, absl::UTCTimeZone());
}

// The first end of what leads from the certificate to an authority. InfinitePast: nothing does.
absl::Time Verify(X509_STORE* store, X509* certificate, STACK_OF(X509) * chain) {
  const Owned<X509_STORE_CTX> context(X509_STORE_CTX_new());
  if (context == nullptr || X509_STORE_CTX_init(context.get(), store, certificate, chain) != 1 ||
      X509_STORE_CTX_set_default(context.get(), "ssl_client") != 1) {
    return absl::InfinitePast();
  }
  // The time is compared at each call, this is done once.
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME);
  if (X509_verify_cert(context.get()) != 1) return absl::InfinitePast();
  absl::Time end = absl::InfiniteFuture();
  const STACK_OF(X509)* const verified = X509_STORE_CTX_get0_chain(context.get());
  for (int i = 0; i < sk_X509_num(verified); ++i) {
    end = std::min(end, EndOf(sk_X509_value(verified, i)));
  }
  return end;
}

}  // namespace

std::shared_ptr<const ClientAuthorities> ClientAuthorities::Create(const std::string& pem) {
  Owned<X509_STORE> store(X509_STORE_new());
  if (store == nullptr) return nullptr;
  const Owned<BIO> bio = BioOf(pem);
  int count = 0;
  while (const Owned<X509> next{PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr)}) {
    count += X509_STORE_add_cert(store.get(), next.get());
  }
  ERR_clear_error();
  if (count == 0) return nullptr;
  return absl::WrapUnique(new ClientAuthorities(store.release()));
}

ClientAuthorities::~ClientAuthorities() { X509_STORE_free(store_); }

absl::Time ClientAuthorities::VouchedUntil(std::string_view certificate,
                                           std::string_view chain) const {
  const Owned<BIO> bio = BioOf(certificate);
  const Owned<X509> leaf(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (leaf == nullptr) return absl::InfinitePast();
  const Chain sent = ParseChain(chain);
  absl::Time end = Verify(store_, leaf.get(), sent.get());
  if (end != absl::InfinitePast()) {
    KnownIntermediates().Remember(sent.get());
  } else {
    end = Verify(store_, leaf.get(), KnownIntermediates().All().get());
  }
  ERR_clear_error();
  // This was no handshake.
  (void)TakeRefusedCertificate();
  return end;
}

}  // namespace token_service::tls
