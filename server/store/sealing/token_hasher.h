#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "server/base/secret.h"

namespace token_service::store {

// By what refresh tokens are remembered when they are gone: BLAKE2b keyed with a random key of the
// store's own (docs/adr/0024-spent-tokens.md). Who has no key cannot tell whether a token is among
// them, not even with the token in hand. Immutable; any thread.
class TokenHasher {
 public:
  static constexpr size_t kSize = 32;  // Of keys and hashes.

  static Secret NewKey();

  explicit TokenHasher(Secret key) : key_(std::move(key)) {}

  // Of an empty token: empty.
  std::string Hash(const Secret& token) const;

 private:
  Secret key_;
};

}  // namespace token_service::store
