#include "server/net/connection_limit.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <limits>
#include <system_error>

#include "server/net/open_connections.h"
#include "server/net/tls_bytes.h"

namespace token_service::net {
namespace {

// The kernel gives out the lowest number that is free: a connection with a higher one than this
// would be one too many.
std::atomic<int> g_highest_fd = std::numeric_limits<int>::max();
std::atomic<uint64_t> g_refused = 0;
// Given up for a moment when there is no other.
std::atomic<int> g_spare_fd = -1;

// For gRPC's own, and a few exchanges.
constexpr int kFilesToCome = 32;

int CountOpenFiles() {
  std::error_code error;
  int count = 0;
  for (std::filesystem::directory_iterator at("/proc/self/fd", error), end; !error && at != end;
       at.increment(error)) {
    ++count;
  }
  return count;
}

int OpenSpare() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

int Accept(int fd, sockaddr* address, socklen_t* length, int flags) {
  return static_cast<int>(syscall(SYS_accept4, fd, address, length, flags));
}

// Out of files: takes the connection with the spare one, to close it. False: there was none.
bool TurnOneAway(int fd) {
  const int spare = g_spare_fd.exchange(-1);
  if (spare < 0) return false;
  close(spare);
  const int connection = Accept(fd, nullptr, nullptr, SOCK_CLOEXEC);
  if (connection >= 0) close(connection);
  g_spare_fd.store(OpenSpare());
  return connection >= 0;
}

}  // namespace

int LimitConnections(int most) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  getrlimit(RLIMIT_NOFILE, &files);
  const auto can = static_cast<int>(
      std::clamp<rlim_t>(files.rlim_cur, kReservedFiles + 1, rlim_t{kMostFiles}) - kReservedFiles);
  const int holds = most == 0 ? can : std::min(most, can);
  if (g_spare_fd.load() < 0) g_spare_fd.store(OpenSpare());
  // What this process has open besides connections, and may yet: it is only ever too generous.
  static const int others = CountOpenFiles() + kFilesToCome;
  g_highest_fd.store(holds + others);
  return holds;
}

uint64_t RefusedConnections() { return g_refused.load(std::memory_order_relaxed); }

}  // namespace token_service::net

// Instead of the C library's, for this whole program; posix::Acceptor is who calls it, for callers.
extern "C" int accept4(int fd, sockaddr* address, socklen_t* length, int flags) {
  using namespace token_service::net;  // NOLINT(google-build-using-namespace)
  const socklen_t room = length == nullptr ? 0 : *length;
  while (true) {
    const int connection = Accept(fd, address, length, flags);
    if (connection >= 0 && connection <= g_highest_fd.load(std::memory_order_relaxed)) {
      OpenConnections::OfThisProcess().Accepted(connection);
      NextTlsSessionIsFor(connection);
      return connection;
    }
    if (connection >= 0) {
      close(connection);
    } else if (errno != EMFILE && errno != ENFILE) {
      return connection;
    } else if (!TurnOneAway(fd)) {
      // As if nobody had come: gRPC would not listen any more otherwise.
      errno = EAGAIN;
      return -1;
    }
    g_refused.fetch_add(1, std::memory_order_relaxed);
    if (length != nullptr) *length = room;
  }
}
