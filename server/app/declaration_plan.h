#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "server/app/declarations.h"
#include "server/broker/credential_change.h"
#include "server/broker/credential_record.h"
#include "server/broker/credential_store.h"
#include "server/telemetry/log.h"

namespace token_service::app {

using StoredCredentials = std::map<std::string, broker::CredentialRecord, std::less<>>;

// What the store is to change so that it holds what is declared.
struct DeclarationPlan {
  struct Note {
    telemetry::Level level;
    std::string_view event;
    std::string credential;
    std::string file = {};                 // Empty: not about one.
    std::optional<absl::Time> since = {};  // Of a spent refresh token.

    void Log() const;
  };

  std::vector<broker::CredentialChange> changes;
  StoredCredentials after;           // Every credential as it is when they are done.
  std::vector<std::string> adopted;  // Have another refresh token then.
  std::vector<Note> notes;           // To be logged when they are done.
};

// What the store knows of the refresh tokens in files, by the credential's name. Asked for where
// the token is not the credential's seed.
using KnownTokens = std::map<std::string, broker::TokenKnowledge, std::less<>>;

// Creates what is not stored, adopts refresh tokens whose file changed, takes up what else is
// declared, and disables what is declared no more. Where a refresh token cannot be read or is
// spent, the stored one goes on; a new credential whose token is spent has none, and needs a new
// one. Pure.
DeclarationPlan PlanChanges(const Declarations& declared, StoredCredentials stored,
                            const KnownTokens& known, absl::Time now);

// Whether a file that holds this says what it said when it was looked at last: then it is no news.
bool SaysAsBefore(const Secret& token, const broker::CredentialRecord& record);

// The part about the refresh token of one that is stored: `token` is in its file. The store's own,
// rotated token is never overwritten by a file that says what it said before, nor by one whose
// token is spent. When an operator's credential is declared for the first time, the token of the
// file is noted and not adopted.
void PlanToken(const std::string& file, const Secret& token, const broker::TokenKnowledge& known,
               broker::CredentialRecord& record, DeclarationPlan& plan);

}  // namespace token_service::app
