#include "server/app/service_notifier.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/base/clock.h"

namespace token_service::app {
namespace {

// A process that this one starts is not what the service manager waits for.
std::string TakeFromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  std::string taken = value == nullptr ? "" : value;
  unsetenv(name);
  return taken;
}

// Infinite when nothing is asked for, or of another process.
absl::StatusOr<absl::Duration> WatchdogTimeout(const std::string& usec, const std::string& pid) {
  if (usec.empty()) return absl::InfiniteDuration();
  int64_t microseconds = 0;
  if (!absl::SimpleAtoi(usec, &microseconds) || microseconds <= 0) {
    return absl::InvalidArgumentError("WATCHDOG_USEC is no number of microseconds");
  }
  int64_t meant = getpid();
  if (!pid.empty() && !absl::SimpleAtoi(pid, &meant)) {
    return absl::InvalidArgumentError("WATCHDOG_PID is no process id");
  }
  return meant == getpid() ? absl::Microseconds(microseconds) : absl::InfiniteDuration();
}

}  // namespace

absl::StatusOr<ServiceNotifier> ServiceNotifier::FromEnvironment() {
  std::string socket = TakeFromEnvironment("NOTIFY_SOCKET");
  const std::string usec = TakeFromEnvironment("WATCHDOG_USEC");
  const std::string pid = TakeFromEnvironment("WATCHDOG_PID");
  if (socket.empty()) return ServiceNotifier();
  if ((socket[0] != '/' && socket[0] != '@') || socket.size() >= sizeof(sockaddr_un::sun_path)) {
    return absl::InvalidArgumentError("NOTIFY_SOCKET is no address of a unix socket");
  }
  const absl::StatusOr<absl::Duration> timeout = WatchdogTimeout(usec, pid);
  if (!timeout.ok()) return timeout.status();
  return ServiceNotifier(std::move(socket), *timeout);
}

void ServiceNotifier::Starting(absl::Duration more) const {
  Send(absl::StrCat("STATUS=Loading\nEXTEND_TIMEOUT_USEC=", absl::ToInt64Microseconds(more)));
}

void ServiceNotifier::Ready() const { Send("READY=1\nSTATUS=Serving"); }

void ServiceNotifier::Reloading() const {
  // The service manager compares it with its own clock, which stands still while the machine
  // sleeps.
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  Send(absl::StrCat("RELOADING=1\nSTATUS=Reloading\nMONOTONIC_USEC=",
                    absl::ToInt64Microseconds(absl::DurationFromTimespec(now))));
}

void ServiceNotifier::Stopping(absl::Duration at_most) const {
  Send(absl::StrCat("STOPPING=1\nSTATUS=Draining\nEXTEND_TIMEOUT_USEC=",
                    absl::ToInt64Microseconds(at_most)));
}

void ServiceNotifier::Alive() const { Send("WATCHDOG=1"); }

void ServiceNotifier::Send(std::string_view message) const {
  if (socket_.empty()) return;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  if (socket_[0] == '@') address.sun_path[0] = '\0';
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return;
  const auto close_it = absl::MakeCleanup([fd] { close(fd); });
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  (void)sendto(fd, message.data(), message.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&address), length);
}

}  // namespace token_service::app
