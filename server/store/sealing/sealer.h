#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/secret.h"
#include "server/store/sealing/keyring.h"

namespace token_service::store {

// Where a sealed value belongs. It opens nowhere else.
struct SealedPlace {
  std::string_view credential;
  std::string_view field;
  uint64_t generation = 0;
};

// Seals with XChaCha20-Poly1305-IETF. What it makes, version 1:
//
//   version (1 byte, 0x01) | length of key id (1 byte) | key id | nonce (24 bytes) | ciphertext and
//   tag (n + 16)
//
// Associated data: all that stands before the nonce, then credential and field, each after its
// length in 8 bytes, then generation in 8 (little endian). Nonces are random. What it makes is no
// secret any more, and a `Secret` only because it travels in a secret's place. Immutable; any
// thread.
class Sealer {
 public:
  explicit Sealer(Keyring keyring) : keyring_(std::move(keyring)) {}

  Secret Seal(const SealedPlace& place, const Secret& plain) const;

  // FAILED_PRECONDITION, with the id: the key is not in the keyring. DATA_LOSS: does not open (not
  // sealed, another version, damaged, or moved from another place).
  absl::StatusOr<Secret> Open(const SealedPlace& place, std::string_view sealed) const;

  // The id of the key that sealed it; empty: it is nothing a Sealer made.
  static std::string_view KeyId(std::string_view sealed);

  const Keyring& keyring() const { return keyring_; }

 private:
  Keyring keyring_;
};

}  // namespace token_service::store
