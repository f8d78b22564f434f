#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/base/clock.h"

namespace token_service::sandbox {

// How the sandbox treats refresh tokens.
struct TokenPolicy {
  std::string client_id = "sandbox";
  absl::Duration ttl = absl::Hours(1);  // Of an access token; 1 s or more.
  bool rotate = true;                   // A new refresh token at every exchange.
  bool reuse_detection = true;          // A spent one, presented again, revokes the grant.
  bool omit_refresh_token = false;      // Where nothing rotated, leave it out of the answer.
  absl::Duration refresh_token_ttl = absl::ZeroDuration();  // Unused for longer: dead. 0: never.
  absl::Duration grace =
      absl::ZeroDuration();  // The token just spent fetches the same answer again for so long.
};

struct TokenAnswer {
  std::string access_token;
  int64_t expires_in = 0;                    // Whole seconds; never more than the token lives.
  std::optional<std::string> refresh_token;  // Base64 of 32 random bytes: 44 characters.
};

// RFC 6749 section 5.2.
enum class OAuthError { kInvalidRequest, kInvalidClient, kInvalidGrant, kUnsupportedGrantType };

struct Refusal {
  OAuthError error = OAuthError::kInvalidRequest;
  std::string_view description;  // Constant text.
};

using ExchangeOutcome = std::variant<TokenAnswer, Refusal>;

struct CredentialStats {
  std::string name;
  std::string client_id;
  int64_t issued = 0;          // Access tokens.
  int64_t rotations = 0;       // Refresh tokens replaced.
  int64_t reuse_detected = 0;  // Spent refresh tokens presented again outside the grace time.
  int64_t in_flight_max = 0;   // Most exchanges under way at one moment.
  bool revoked = false;
};

struct AuthorityStats {
  int64_t token_requests = 0;
  int64_t tokens_issued = 0;
  int64_t reuse_detected = 0;
  int64_t unknown_refresh_tokens = 0;
  int64_t concurrent_exchanges_max = 0;
  std::vector<CredentialStats> credentials;  // In the order they were minted.
};

// The authorization server behind the sandbox: mints, exchanges, revokes, verifies. Knows no HTTP.
// Any thread.
//
// Everything is in memory, and bounded: the oldest credential goes when there are too many, and of
// one credential's spent refresh tokens the last few hundred are known (an older one counts as
// unknown). Its tokens open nothing but the sandbox, so they are plain strings.
class TokenAuthority {
 public:
  // Returns so many unpredictable bytes. Called under a mutex, from any thread.
  using RandomBytes = std::function<std::string(size_t)>;

  TokenAuthority(TokenPolicy policy, RandomBytes random, const Clock& clock);

  // One exchange under way, from the request's arrival to its answer; for the statistics.
  class InFlight {
   public:
    InFlight(TokenAuthority& authority, uint64_t serial) : authority_(authority), serial_(serial) {}
    ~InFlight() { authority_.Leave(serial_); }
    InFlight(const InFlight&) = delete;
    InFlight& operator=(const InFlight&) = delete;

   private:
    TokenAuthority& authority_;
    const uint64_t serial_;
  };
  [[nodiscard]] InFlight Enter(std::string_view refresh_token);

  // A new grant; returns its refresh token. A name minted before is authorised anew: its old tokens
  // die, its numbers go on. The name: see IsValidCredentialName.
  std::string Mint(std::string_view name);

  // RFC 6749 section 6. One caller at a time spends a refresh token.
  ExchangeOutcome Exchange(std::string_view refresh_token, std::string_view client_id);

  // Ends the grant: its refresh token and every access token. False: no such credential.
  bool Revoke(std::string_view name);

  // Whose refresh token, current or spent, this is.
  std::optional<std::string> OwnerOf(std::string_view refresh_token) const;

  // Whose access token this is, if it is good at this moment.
  std::optional<std::string> Verify(std::string_view access_token) const;

  AuthorityStats Stats() const;
  const TokenPolicy& policy() const { return policy_; }

 private:
  struct Credential {
    CredentialStats stats;
    uint64_t grant = 0;  // Which authorisation of this name.
    std::string current;
    std::deque<std::string> spent;  // Oldest first.
    MonotonicTime last_used;
    std::optional<TokenAnswer> last_answer;
    int64_t in_flight = 0;
  };

  void Leave(uint64_t serial);
  Credential* FindByNameLocked(std::string_view name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetTokensLocked(Credential& credential) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  ExchangeOutcome PresentedAgainLocked(Credential& credential, std::string_view refresh_token)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  TokenAnswer IssueLocked(uint64_t serial, Credential& credential)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const TokenPolicy policy_;
  const RandomBytes random_;
  const Clock& clock_;
  const std::string signing_key_;

  mutable absl::Mutex mutex_;
  uint64_t last_number_ ABSL_GUARDED_BY(mutex_) =
      0;  // Of credentials, grants and access tokens alike.
  int64_t in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  AuthorityStats totals_ ABSL_GUARDED_BY(mutex_);  // Without the credentials.
  std::map<uint64_t, Credential> credentials_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, uint64_t> by_refresh_token_ ABSL_GUARDED_BY(mutex_);
};

// 1 to 64 printable ASCII characters, no slash.
bool IsValidCredentialName(std::string_view name);

}  // namespace token_service::sandbox
