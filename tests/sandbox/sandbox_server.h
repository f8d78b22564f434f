#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "server/base/clock.h"
#include "tests/sandbox/control_routes.h"
#include "tests/sandbox/faults.h"
#include "tests/sandbox/http_server.h"
#include "tests/sandbox/request_log.h"
#include "tests/sandbox/token_authority.h"
#include "tests/sandbox/token_route.h"

namespace token_service::sandbox {

// The whole sandbox Ticket API: serves from Create until destroyed, on threads of its own.
class SandboxServer {
 public:
  struct Options {
    std::string listen = "127.0.0.1:0";
    TokenPolicy tokens;
    Mishap mishap;         // What may happen to a token request...
    double fail_rate = 1;  // ...and its fault to what share of them.
    uint64_t fault_seed = 1;
  };

  // INVALID_ARGUMENT: the options; UNAVAILABLE: the address.
  static absl::StatusOr<std::unique_ptr<SandboxServer>> Create(Options options,
                                                               const Clock& clock = SystemClock());
  // Ends requests that wait; returns when all are done.
  ~SandboxServer();
  SandboxServer(const SandboxServer&) = delete;
  SandboxServer& operator=(const SandboxServer&) = delete;

  TokenAuthority& authority() { return authority_; }
  int port() const { return port_; }
  std::string url() const;

 private:
  SandboxServer(Options options, const Clock& clock);
  void AddRoutes();
  absl::Status Start(const std::string& listen);

  absl::Notification stopping_;
  TokenAuthority authority_;
  FaultPlan faults_;
  RequestLog log_;
  TokenRoute token_route_;
  ControlRoutes control_routes_;
  HttpServer http_;
  int port_ = 0;
};

}  // namespace token_service::sandbox
