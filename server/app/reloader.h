#pragma once

#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/app/adoption.h"
#include "server/app/broker.h"
#include "server/app/storage.h"
#include "server/app/surface.h"
#include "server/base/clock.h"
#include "server/config/config.h"

namespace token_service::app {

// Holds the configuration in force, and replaces it while the server serves. The main thread's.
class Reloader {
 public:
  // What a new configuration changes. All outlive this object.
  struct Parts {
    Storage& storage;
    Broker& broker;
    Surface& surface;
    Adoption& adoption;
    const Clock& clock;
  };

  Reloader(ServerConfig config, const Parts& parts) : config_(std::move(config)), parts_(parts) {}

  const ServerConfig& in_force() const { return config_; }

  // As TokenServer::Reload.
  void Reload(absl::StatusOr<ServerConfig> next, absl::FunctionRef<void()> progress);

 private:
  absl::Status TakeUp(ServerConfig wanted, absl::FunctionRef<void()> progress);
  absl::Status TakeUpCredentials(const ServerConfig& next, absl::FunctionRef<void()> progress);

  ServerConfig config_;
  const Parts parts_;
};

}  // namespace token_service::app
