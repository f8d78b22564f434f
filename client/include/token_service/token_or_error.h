#pragma once

#include <utility>

#include "token_service/access_token.h"
#include "token_service/token_error.h"

namespace token_service::client {

// A token, or why there is none. Keeps what it shows alive and unchanged for as long as it lives
// itself, also when the source has a newer token or is gone. It may be passed to another thread;
// give it back (destroy it) within a reasonable time, for the token's bytes are wiped only then.
//
//   if (const TokenOrError token = source.Current(); token.ok()) Use(token->RevealAuthorization());
class [[nodiscard]] TokenOrError {
 public:
  TokenOrError(TokenOrError&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)),
        stripe_(other.stripe_),
        token_(std::exchange(other.token_, nullptr)) {}
  TokenOrError& operator=(TokenOrError&& other) noexcept {
    std::swap(block_, other.block_);
    std::swap(stripe_, other.stripe_);
    std::swap(token_, other.token_);
    return *this;
  }
  ~TokenOrError() {
    if (block_ != nullptr) Release();
  }

  // Nothing below may be called on one that was moved from.
  bool ok() const { return token_ != nullptr; }

  // When ok().
  const AccessToken& operator*() const { return *token_; }
  const AccessToken* operator->() const { return token_; }

  // When not ok().
  const TokenError& error() const;

 private:
  friend class SnapshotCell;
  struct Block;
  struct Stripe;

  TokenOrError(Block* block, Stripe* stripe, const AccessToken* token)
      : block_(block), stripe_(stripe), token_(token) {}

  void Release();

  Block* block_;
  Stripe* stripe_;
  const AccessToken* token_;
};

}  // namespace token_service::client
