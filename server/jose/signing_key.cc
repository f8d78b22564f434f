#include "server/jose/signing_key.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <array>
#include <climits>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "server/base/absl_view.h"

namespace token_service::jose {
namespace {

constexpr std::string_view kRs256 = "RS256";
constexpr std::string_view kPs256 = "PS256";
constexpr std::string_view kEs256 = "ES256";

constexpr int kLeastRsaBits = 2048;  // RFC 7518 section 3.3.
constexpr int kCoordinate = 32;      // Of P-256, in bytes: section 3.4.

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
struct FreeSignature {
  void operator()(ECDSA_SIG* signature) const { ECDSA_SIG_free(signature); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

absl::Status Wrong(std::string_view what) { return absl::InvalidArgumentError(AbslView(what)); }

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

// A key that needs a passphrase must not make a server ask for it at a terminal.
int NotePassphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

bool IsP256(const EVP_PKEY* key) {
  std::array<char, 64> curve{};
  size_t size = 0;
  return EVP_PKEY_get_group_name(key, curve.data(), curve.size(), &size) == 1 &&
         std::string_view(curve.data(), size) == SN_X9_62_prime256v1;
}

absl::StatusOr<std::string_view> AlgorithmFor(const EVP_PKEY* key, std::string_view wanted) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
      if (EVP_PKEY_get_bits(key) < kLeastRsaBits) {
        return Wrong("holds an RSA key of less than 2048 bits");
      }
      if (wanted == kEs256) return Wrong("holds an RSA key, with which ES256 cannot be signed");
      return wanted == kPs256 ? kPs256 : kRs256;
    case EVP_PKEY_EC:
      if (!IsP256(key)) return Wrong("holds an EC key on another curve than P-256");
      if (wanted.empty() || wanted == kEs256) return kEs256;
      return Wrong(
          absl::StrCat("holds an EC key, with which ", AbslView(wanted), " cannot be signed"));
    default:
      return Wrong("holds a key that is neither RSA nor EC");
  }
}

bool UsePss(EVP_PKEY_CTX* context) {
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

// OpenSSL writes r and s in ASN.1, JWS wants them side by side.
std::string SideBySide(std::string_view der) {
  const unsigned char* at = Bytes(der);
  const std::unique_ptr<ECDSA_SIG, FreeSignature> pair(
      d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  std::string raw(2 * kCoordinate, '\0');
  if (pair == nullptr ||
      BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), Bytes(raw), kCoordinate) != kCoordinate ||
      BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), Bytes(raw) + kCoordinate, kCoordinate) !=
          kCoordinate) {
    return "";
  }
  return raw;
}

// In the form of OpenSSL; empty: it could not.
std::string SignAsOpenssl(EVP_PKEY* key, std::string_view algorithm, std::string_view text) {
  const Context context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* details = nullptr;
  size_t size = 0;
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), &details, EVP_sha256(), nullptr, key) != 1 ||
      (algorithm == kPs256 && !UsePss(details)) ||
      EVP_DigestSign(context.get(), nullptr, &size, Bytes(text), text.size()) != 1) {
    return "";
  }
  std::string signature(size, '\0');
  if (EVP_DigestSign(context.get(), Bytes(signature), &size, Bytes(text), text.size()) != 1) {
    return "";
  }
  signature.resize(size);
  return signature;
}

}  // namespace

void SigningKey::Free::operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }

absl::StatusOr<SigningKey> SigningKey::FromPem(const Secret& pem, std::string_view algorithm) {
  if (!algorithm.empty() && !IsSigningAlgorithm(algorithm)) {
    return Wrong("expected RS256, PS256 or ES256");
  }
  if (pem.size() > INT_MAX) return Wrong("is too large for a key");
  const absl::Cleanup forget_errors = [] { ERR_clear_error(); };  // They are the thread's.
  const std::string_view text = pem.Reveal();
  const std::unique_ptr<BIO, FreeBio> bio(
      BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  bool passphrase_asked = false;
  OwnedKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NotePassphrase, &passphrase_asked));
  if (passphrase_asked) return Wrong("holds a key that needs a passphrase");
  if (key == nullptr) return Wrong("holds no private key in PEM form");
  const absl::StatusOr<std::string_view> chosen = AlgorithmFor(key.get(), algorithm);
  if (!chosen.ok()) return chosen.status();
  return SigningKey(std::move(key), *chosen);
}

absl::Status SigningKey::TryOut() const {
  constexpr std::string_view kText = "trial";
  const absl::Cleanup forget_errors = [] { ERR_clear_error(); };
  const std::string signature = SignAsOpenssl(key_.get(), algorithm_, kText);
  const Context context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* details = nullptr;
  const bool works =
      !signature.empty() && context != nullptr &&
      EVP_DigestVerifyInit(context.get(), &details, EVP_sha256(), nullptr, key_.get()) == 1 &&
      (algorithm_ != kPs256 || UsePss(details)) &&
      EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(kText),
                       kText.size()) == 1;
  return works ? absl::OkStatus() : Wrong("holds a private key that does not work");
}

absl::StatusOr<std::string> SigningKey::Sign(std::string_view text) const {
  const absl::Cleanup forget_errors = [] { ERR_clear_error(); };
  std::string signature = SignAsOpenssl(key_.get(), algorithm_, text);
  if (algorithm_ == kEs256) signature = SideBySide(signature);
  if (signature.empty()) return absl::InternalError("the key could not sign");
  return signature;
}

bool IsSigningAlgorithm(std::string_view name) {
  return name == kRs256 || name == kPs256 || name == kEs256;
}

}  // namespace token_service::jose
