#pragma once

#include <memory>
#include <string>
#include <vector>

#include "server/app/credential_catalog.h"
#include "server/app/token_file_poller.h"
#include "server/base/executor.h"
#include "server/base/secret.h"
#include "server/broker/refresh_scheduler.h"

namespace token_service::app {

// Adopts the refresh tokens of files while the server runs: in the store first, then the scheduler
// is told. Its methods one at a time.
class Adoption {
 public:
  // All outlive this object, and `registrar` runs what it is given until this has stopped: like all
  // changes of credentials, adoption is one of its tasks.
  Adoption(CredentialCatalog& catalog, broker::RefreshScheduler& scheduler, Executor& registrar)
      : catalog_(catalog), scheduler_(scheduler), registrar_(registrar) {}

  // Looks at the files of these from now on, and at no others. Not while the registrar waits for
  // whoever calls; on the registrar itself only the first time.
  void Watch(const std::vector<DeclaredCredential>& credentials);
  // Looks at once, and again soon.
  void Poke();
  // No file is looked at any more.
  void Stop() { files_.reset(); }

 private:
  bool AdoptFromFile(const std::string& credential, const Secret& refresh_token);

  CredentialCatalog& catalog_;
  broker::RefreshScheduler& scheduler_;
  Executor& registrar_;
  std::unique_ptr<TokenFilePoller> files_;  // Null: none is watched.
};

// Tells the scheduler of grants that the store has taken from files.
void TellOfAdopted(const std::vector<std::string>& credentials,
                   broker::RefreshScheduler& scheduler);

}  // namespace token_service::app
