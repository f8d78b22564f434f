#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "server/broker/credential_record.h"
#include "server/broker/spent_token.h"

namespace token_service::broker {

// What operators and the configuration do to a credential, as the store takes it.

// Takes name, profile, refresh_token, seed and create_time of the record. The last tells it from
// another of its name: see BeginRequest.
struct CreateCredential {
  CredentialRecord record;
  // The refresh token is a file's. Nobody can be told to come again: where it is spent the
  // credential is made without it, and its grant is dead from the beginning.
  bool from_file = false;
};

// A new grant: sets the refresh token, which is usable, forgets attempt (fencing its commit),
// doubt, errors and a hold. Keeps access token, generation and `rotates`. Does nothing when this is
// the current refresh token and an exchange of it is on record.
struct ReplaceGrant {
  std::string name;
  Secret refresh_token;
};

// What the credential's file holds by now. Whether it is a new grant is the store's to decide, from
// what it knows in the transaction: see SeedOutcome. What a file says may be as old as a copy of
// the store, so a hold stays. Does nothing to a credential that is unreadable.
struct AdoptSeed {
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

using CredentialChange =
    std::variant<CreateCredential, ReplaceGrant, AdoptSeed, ChangeProfile, SetDisabled>;

// Whose change it is.
const std::string& NameOf(const CredentialChange& change);

// What became of a refresh token that a file brought, with AdoptSeed or CreateCredential.
struct SeedOutcome {
  enum class Became {
    kUnchanged,  // The file says what it said before.
    kCurrent,    // It is the credential's own already.
    kNoted,      // The credential was there before it was declared, and its own goes on.
    kAdopted,    // It is the credential's refresh token from now on.
    kSpent,      // It must not be sent: the one before goes on, or there is none.
  };
  std::string name;
  Became became = Became::kUnchanged;
  std::optional<SpentToken> spent = {};  // Of kSpent.
  // Of kAdopted: another credential has it too, at a provider that has not been seen to replace it.
  bool shared = false;
};

// What a list of changes came to.
struct Applied {
  // Each credential that was changed or was to be, as it is now. Without its refresh token and its
  // seed.
  std::vector<CredentialRecord> records;
  std::vector<SeedOutcome> seeds;  // In the order of the changes.
};

}  // namespace token_service::broker
