#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/app/declarations.h"
#include "server/broker/credential_change.h"
#include "server/broker/credential_record.h"
#include "server/broker/credential_store.h"

namespace token_service::app {

// A credential that is stored, without its refresh token, beside what is declared.
struct StoredCredential {
  broker::CredentialRecord record;
  bool file_is_news = false;  // Its file holds something else than when it was looked at last.
};
using StoredCredentials = std::map<std::string, StoredCredential, std::less<>>;

// What the store is to change so that it holds what is declared.
struct DeclarationPlan {
  std::vector<broker::CredentialChange> changes;
  std::vector<std::string> dropped;  // They are declared no more, and disabled.
};

// Creates what is not stored, brings the store the refresh tokens of files that changed, takes up
// what else is declared, and disables what is declared no more. What becomes of a file's refresh
// token the store decides: see SeedOutcome. Where none can be read the stored one goes on. Pure.
DeclarationPlan PlanChanges(const Declarations& declared, const StoredCredentials& stored,
                            absl::Time now);

// What a store that holds a credential knows of the file that is declared for it.
bool FileIsNews(const Declared& declared, const broker::CredentialRecord& record);

// Tells operators what became of a file's refresh token. `made`: with the credential.
void LogSeed(const broker::SeedOutcome& outcome, const std::string& file, bool made);
void LogDropped(const std::string& credential);

}  // namespace token_service::app
