#include "server/tls/server_certificate.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <ctime>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "server/base/absl_view.h"
#include "server/posix/secret_file.h"

namespace token_service::tls {
namespace {

// Far more than every authority of the world together.
constexpr size_t kMaxFileBytes = 4 << 20;

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

using Certificates = std::vector<Owned<X509>>;

absl::Status Wrong(std::string_view key, const std::string& path, std::string_view what) {
  if (key.empty()) return absl::InvalidArgumentError(absl::StrCat(path, ": ", AbslView(what)));
  return absl::InvalidArgumentError(absl::StrCat(AbslView(key), ": ", path, ": ", AbslView(what)));
}

// Into a Secret, because any of the files may hold the key.
absl::StatusOr<Secret> ReadWhole(std::string_view key, const std::string& path) {
  absl::StatusOr<posix::SecretFile> file = posix::ReadSecretFile(path, kMaxFileBytes);
  if (!file.ok()) {
    const std::string wrong(file.status().message());
    return absl::InvalidArgumentError(key.empty() ? wrong
                                                  : absl::StrCat(AbslView(key), ": ", wrong));
  }
  if (file->contents.Reveal().find('\0') != std::string_view::npos) {
    return Wrong(key, path, "is no text");
  }
  return std::move(file->contents);
}

Owned<BIO> BioOf(std::string_view text) {
  return Owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// A key that needs a passphrase must not make a server ask for it at a terminal.
int NoPassphrase(char*, int, int, void*) { return -1; }

// Every certificate of the file; none at all, or a broken one, is an error.
absl::StatusOr<Certificates> ParseCertificates(std::string_view key, const std::string& path,
                                               std::string_view text) {
  const Owned<BIO> bio = BioOf(text);
  Certificates found;
  ERR_clear_error();
  while (X509* const next = PEM_read_bio_X509_AUX(bio.get(), nullptr, NoPassphrase, nullptr)) {
    found.emplace_back(next);
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!at_end) return Wrong(key, path, "holds a certificate that cannot be read");
  if (found.empty()) return Wrong(key, path, "holds no certificate in PEM form");
  return found;
}

absl::StatusOr<Owned<EVP_PKEY>> ParseKey(std::string_view key, const std::string& path,
                                         std::string_view text) {
  const Owned<BIO> bio = BioOf(text);
  Owned<EVP_PKEY> found(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr));
  ERR_clear_error();
  if (found == nullptr) {
    return Wrong(key, path, "holds no private key in PEM form without a passphrase");
  }
  return found;
}

// What a TLS library would refuse later, at a handshake: keys too short for its security level, a
// curve it does not know.
absl::Status TryOut(const CertificateFiles& files, const Certificates& chain, EVP_PKEY& key) {
  const Owned<SSL_CTX> context(SSL_CTX_new(TLS_server_method()));
  const absl::Cleanup clear_errors = [] { ERR_clear_error(); };
  if (context == nullptr) return absl::InternalError("no memory for TLS");
  if (SSL_CTX_use_certificate(context.get(), chain.front().get()) != 1) {
    return Wrong("certificate_file", files.certificate_file,
                 "holds a certificate that is too weak or of an unknown kind");
  }
  for (size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context.get(), chain[i].get()) != 1) {
      return Wrong("certificate_file", files.certificate_file,
                   "holds a certificate of the chain that is too weak or of an unknown kind");
    }
  }
  if (X509_check_private_key(chain.front().get(), &key) != 1) {
    return Wrong("private_key_file", files.private_key_file,
                 absl::StrCat("does not match the certificate in ", files.certificate_file));
  }
  if (SSL_CTX_use_PrivateKey(context.get(), &key) != 1) {
    return Wrong("private_key_file", files.private_key_file,
                 "holds a key that is too weak or of an unknown kind");
  }
  return absl::OkStatus();
}

absl::Time ExpireTime(const X509& certificate) {
  std::tm utc{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &utc) != 1) return absl::InfinitePast();
  return absl::FromTM(utc, absl::UTCTimeZone());
}

}  // namespace

absl::StatusOr<ServerCertificate> ReadServerCertificate(const CertificateFiles& files) {
  absl::StatusOr<Secret> chain_text = ReadWhole("certificate_file", files.certificate_file);
  if (!chain_text.ok()) return chain_text.status();
  absl::StatusOr<Secret> key_text = ReadWhole("private_key_file", files.private_key_file);
  if (!key_text.ok()) return key_text.status();
  const auto chain =
      ParseCertificates("certificate_file", files.certificate_file, chain_text->Reveal());
  if (!chain.ok()) return chain.status();
  const auto key = ParseKey("private_key_file", files.private_key_file, key_text->Reveal());
  if (!key.ok()) return key.status();
  if (absl::Status status = TryOut(files, *chain, **key); !status.ok()) return status;

  ServerCertificate result{.chain = *std::move(chain_text),
                           .private_key = *std::move(key_text),
                           .client_roots = {},
                           .expire_time = ExpireTime(*chain->front())};
  if (files.client_ca_file.empty()) return result;
  const absl::StatusOr<Secret> roots = ReadWhole("client_ca_file", files.client_ca_file);
  if (!roots.ok()) return roots.status();
  const auto authorities =
      ParseCertificates("client_ca_file", files.client_ca_file, roots->Reveal());
  if (!authorities.ok()) return authorities.status();
  result.client_roots = std::string(roots->Reveal());
  return result;
}

absl::Status CheckAuthorities(const std::string& path) {
  const absl::StatusOr<Secret> text = ReadWhole("", path);
  if (!text.ok()) return text.status();
  return ParseCertificates("", path, text->Reveal()).status();
}

}  // namespace token_service::tls
