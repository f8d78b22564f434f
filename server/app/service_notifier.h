#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace token_service::app {

// Tells the service manager (systemd, or whoever else speaks sd_notify(3)) how the server is doing.
// Without one every call does nothing. Any thread; never blocks; what cannot be told is dropped.
//
// The protocol is spoken here and not by libsystemd, which would bring five libraries more into a
// process that holds secrets: docs/adr/0009-the-service-manager.md.
class ServiceNotifier {
 public:
  // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID and takes them out of the environment:
  // call it before there are threads. INVALID_ARGUMENT: one of them makes no sense.
  static absl::StatusOr<ServiceNotifier> FromEnvironment();

  ServiceNotifier() = default;

  // How long the service manager waits for Alive. Infinite: it does not watch.
  absl::Duration watchdog_timeout() const { return watchdog_timeout_; }

  // Asks for so much time more until Ready, from now.
  void Starting(absl::Duration more) const;
  void Ready() const;
  // Until the next Ready.
  void Reloading() const;
  // Asks not to be killed for so long.
  void Stopping(absl::Duration at_most) const;
  void Alive() const;

 private:
  ServiceNotifier(std::string socket, absl::Duration watchdog_timeout)
      : socket_(std::move(socket)), watchdog_timeout_(watchdog_timeout) {}

  void Send(std::string_view message) const;

  std::string socket_;  // A path, or @ and an abstract name. Empty: there is no service manager.
  absl::Duration watchdog_timeout_ = absl::InfiniteDuration();
};

}  // namespace token_service::app
