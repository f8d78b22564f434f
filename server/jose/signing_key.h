#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/base/secret.h"

typedef struct evp_pkey_st EVP_PKEY;

namespace token_service::jose {

// A private key that signs as RFC 7518 section 3 has it. Immutable: any thread.
class SigningKey {
 public:
  // `pem`: one private key, RSA of 2048 bits at least or EC on P-256, without a passphrase.
  // `algorithm`: RS256, PS256 or ES256; empty: RS256 for an RSA key, ES256 for an EC one.
  // INVALID_ARGUMENT: one line without a byte of the key.
  static absl::StatusOr<SigningKey> FromPem(const Secret& pem, std::string_view algorithm);

  // INVALID_ARGUMENT when what it signs cannot be verified: its halves do not belong together.
  absl::Status TryOut() const;

  // The JWS header's `alg`.
  std::string_view algorithm() const { return algorithm_; }

  // The bytes of a JWS signature over `text`.
  absl::StatusOr<std::string> Sign(std::string_view text) const;

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const;
  };
  using OwnedKey = std::unique_ptr<EVP_PKEY, Free>;

  SigningKey(OwnedKey key, std::string_view algorithm)
      : key_(std::move(key)), algorithm_(algorithm) {}

  OwnedKey key_;
  std::string_view algorithm_;  // Constant text.
};

// Whether it is one that FromPem knows.
bool IsSigningAlgorithm(std::string_view name);

}  // namespace token_service::jose
