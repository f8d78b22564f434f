#pragma once

#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/app/adoption.h"
#include "server/app/broker.h"
#include "server/app/credential_catalog.h"
#include "server/app/reloader.h"
#include "server/app/storage.h"
#include "server/app/surface.h"
#include "server/config/config.h"

namespace token_service::app {

// The whole server: starts, serves, drains.
class TokenServer {
 public:
  // Serves when it returns. INVALID_ARGUMENT: the configuration (exit 2); anything else: the world
  // (exit 1). One line for the operator either way. A start that fails has asked no provider for
  // anything and left nothing behind: docs/adr/0022-start.md. Blocks.
  // `progress` is called again and again while much has to be done.
  static absl::StatusOr<std::unique_ptr<TokenServer>> Start(ServerConfig config,
                                                            absl::FunctionRef<void()> progress);

  ~TokenServer();

  // SIGHUP: serves by `next` from now on, calls in flight undisturbed; or, when any of it cannot be
  // used, by what is in force, and logs why. What only a start can change is logged too. Looks at
  // the files of refresh tokens and certificates and at the keyring either way. Calls `progress` as
  // Start does, perhaps on another thread. Blocks.
  void Reload(absl::StatusOr<ServerConfig> next, absl::FunctionRef<void()> progress);

  // Calls `beat` again and again on the thread of the timers, each time after that thread has had
  // the scheduler's lock. `beat` must not block and must be usable until the server is gone. Once.
  void KeepBeating(absl::Duration interval, absl::AnyInvocable<void()> beat);

  // No new calls; those that wait are answered, an exchange in flight is committed. True: nothing
  // is left undone. Blocks, for limits.drain_timeout at most and a moment.
  bool Drain();

 private:
  // All that can fail, done: nobody is served yet, and no provider has been asked for anything. The
  // order of the members is that of their lives.
  struct Prepared {
    Storage storage;
    std::unique_ptr<Broker> broker;
    Surface surface;
    CredentialCatalog::Taken credentials;
  };

  struct Inputs;
  static absl::StatusOr<Inputs> ReadInputs(const ServerConfig& config,
                                           absl::FunctionRef<void()> progress);
  static absl::StatusOr<Prepared> Prepare(const ServerConfig& config, Inputs inputs,
                                          absl::FunctionRef<void()> progress);

  TokenServer(ServerConfig config, Prepared prepared);

  void Begin(CredentialCatalog::Taken credentials, absl::FunctionRef<void()> progress);

  // In the order of their lives; but see ~TokenServer for what stops first.
  Storage storage_;
  const std::unique_ptr<Broker> broker_;
  Surface surface_;
  Adoption adoption_;
  Reloader reloader_;
};

}  // namespace token_service::app
