#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "server/base/moment.h"
#include "server/base/secret.h"
#include "server/broker/provider_error.h"
#include "server/broker/token_properties.h"

namespace token_service::broker {

// An exchange that was begun and whose end is not recorded.
struct Attempt {
  std::string id;      // Unique; the fence of its commit.
  std::string holder;  // The process.
  Moment begun;
  absl::Time lease_end;  // Another holder may take over after this. Later than the HTTP time-out.
};

// An access token as stored.
struct StoredToken {
  Secret value;
  std::string token_type;
  std::string scope;
  TokenProperties properties = {};
  Moment issued;  // When its request was sent.
  absl::Time expires;
};

// Of a refresh token.
struct RefreshTokenTimes {
  std::optional<absl::Time> since;          // Since when it is the credential's.
  std::optional<absl::Time> expires;        // As the provider told. Absent: it did not.
  std::optional<absl::Time> last_rotation;  // When the provider last replaced one.

  friend bool operator==(const RefreshTokenTimes&, const RefreshTokenTimes&) = default;
};

// What the provider's last definite word makes of the grant.
enum class GrantState {
  kUsable,
  kDead,           // Its refresh token is never sent again.
  kClientRefused,  // The refresh token is good and the client is not: tried again now and then.
};

// The settings of a credential made by RPC: they live in the store. A declared one's live in the
// configuration, and these are what it last said.
struct CredentialProfile {
  std::string purpose;
  std::string client_id;
  std::string token_endpoint;
  std::string scope;
  std::string client_auth;              // ClientAuthName.
  std::string provider;                 // Whose rules its token endpoint has; empty: the defaults'.
  std::string grant = "refresh_token";  // GrantName.
  Secret client_secret;
  bool managed_by_config = false;

  CredentialProfile Copy() const;
};

// All that is durable about one credential.
struct CredentialRecord {
  std::string name;
  CredentialProfile profile;

  Secret refresh_token;
  Secret seed;  // The refresh token last adopted from a file or a flag; empty: from neither.
  bool rotates = false;  // The provider has been seen to replace the refresh token.
  GrantState grant = GrantState::kUsable;
  bool disabled = false;  // Not in the configuration any more, whatever the grant is.

  RefreshTokenTimes times;

  // How often it was written, where others write too: what was read earlier has a lesser one. 0:
  // nobody else does.
  uint64_t version = 0;

  // Which of the credential's refresh tokens this is: a commit and a new grant each count one up.
  uint64_t grant_serial = 0;

  uint64_t generation = 0;  // Of the current access token; 0: none yet.
  // The greatest that a token may have been handed out under: the attempt's, if one is on record.
  uint64_t reserved_generation = 0;
  std::optional<StoredToken> token;

  std::optional<Attempt> attempt;
  // Since when it is known that an attempt may have consumed the refresh token unseen, the earliest
  // of them: when its loss was noticed, or where nobody noticed, when it began.
  std::optional<Moment> doubt_since;
  // Since when nothing may be sent for it: the store is an old copy, and what it holds may have
  // been spent since. Until an operator releases it or replaces the refresh token.
  std::optional<absl::Time> held_since;

  absl::Time create_time;
  std::optional<absl::Time> last_refresh_time;
  std::string last_error_reason;  // ReasonName of the last failure; empty after a success.
  ProviderError last_error;       // What the provider said then.
  uint32_t consecutive_failures = 0;

  // What reading found, and nobody writes.
  int64_t standing_evidence = 0;  // How many answers stand: see Evidence.
  bool unreadable = false;  // Its sealed fields do not open: they are empty here, the row is not.

  CredentialRecord Copy() const;
  // What may lie about: a copy that has neither the refresh token nor the seed.
  CredentialRecord CopyWithoutRefreshToken() const;
};

}  // namespace token_service::broker
