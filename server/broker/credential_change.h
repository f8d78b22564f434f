#pragma once

#include <optional>
#include <string>
#include <variant>

#include "server/broker/credential_record.h"

namespace token_service::broker {

// What operators and the configuration do to a credential, as the store takes it.

// Takes name, profile, refresh_token, seed and create_time of the record. The last tells it from
// another of its name: see BeginRequest.
struct CreateCredential {
  CredentialRecord record;
  bool from_file = false;  // Nobody can be told to come again.
};

// A new grant: sets the refresh token, which is usable, forgets attempt (fencing its commit),
// doubt and errors. Keeps access token, generation and `rotates`. Does nothing when this is the
// current refresh token and an exchange of it is on record.
struct ReplaceGrant {
  std::string name;
  Secret refresh_token;
  // Sets `seed` too, and leaves a hold as it is, since what a file says may be as old as the copy;
  // otherwise that ends.
  bool from_file = false;
};

// The file's token is known and is not to be adopted.
struct RecordSeed {
  std::string name;
  Secret seed;
};

struct ChangeProfile {
  std::string name;
  CredentialProfile profile;
};

// It is taken out of the configuration, or is there again.
struct SetDisabled {
  std::string name;
  bool disabled = false;
};

// What it was given cannot be used: the grant is dead from its beginning.
struct GiveUpGrant {
  std::string name;
  std::string error_reason;
};

using CredentialChange = std::variant<CreateCredential, ReplaceGrant, RecordSeed, ChangeProfile,
                                      SetDisabled, GiveUpGrant>;

// Whose change it is.
const std::string& NameOf(const CredentialChange& change);

}  // namespace token_service::broker
