#include "server/net/held_sends.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "server/net/open_connections.h"

namespace token_service::net {
namespace {

// Calls further apart were not waiting together.
constexpr absl::Duration kClose = absl::Microseconds(50);
constexpr int kMostHeld = 16;

// Null: has answered nothing.
thread_local HeldSends* t_sends = nullptr;

}  // namespace

HeldSends& ThisThreadsSends() {
  if (t_sends == nullptr) {
    // Leak checkers find them here; there are as many as threads that answer.
    static absl::Mutex mutex;
    static auto* const all = new std::vector<std::unique_ptr<HeldSends>>;
    absl::MutexLock lock(&mutex);
    t_sends = all->emplace_back(std::make_unique<HeldSends>()).get();
  }
  return *t_sends;
}

bool HeldSends::Answers(MonotonicTime now) {
  const bool together = now - last_answer_ < kClose;
  last_answer_ = now;
  if (!together) return false;
  absl::MutexLock lock(&mutex_);
  return !std::exchange(holding_, true);
}

bool HeldSends::Hold() {
  absl::MutexLock lock(&mutex_);
  return holding_ && ++sends_ % kMostHeld != 0;
}

void HeldSends::Held(int fd) {
  {
    absl::MutexLock lock(&mutex_);
    if (holding_) {
      if (std::find(held_.begin(), held_.end(), fd) == held_.end()) held_.push_back(fd);
      return;
    }
  }
  // Push came between.
  push_(fd);
}

void HeldSends::Push() {
  std::vector<int> held;
  {
    absl::MutexLock lock(&mutex_);
    holding_ = false;
    held.swap(held_);
  }
  for (const int fd : held) push_(fd);
}

// Whatever the number has become meanwhile: it does nothing that gRPC, curl and libpq have not done
// to each of their sockets, and fails on everything else.
void HeldSends::PushOut(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

}  // namespace token_service::net

// Instead of the C library's, for this whole program; gRPC is who calls it.
extern "C" ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  using namespace token_service::net;  // NOLINT(google-build-using-namespace)
  HeldSends* const sends = t_sends;
  const bool hold = sends != nullptr && sends->Hold();
  const ssize_t sent = syscall(SYS_sendmsg, fd, message, hold ? flags | MSG_MORE : flags);
  if (hold && sent > 0) sends->Held(fd);
  if (sent > 0) {
    if (Connection* const connection = OpenConnections::At(fd); connection != nullptr) {
      connection->WasSent(*message, static_cast<size_t>(sent));
    }
  }
  return sent;
}
