#include "server/net/connection_guard.h"

#include <fcntl.h>
#include <linux/tcp.h>
#include <malloc.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/container/flat_hash_map.h"

// tcmalloc's, where the program has it.
extern "C" void MallocExtension_ReleaseFreeMemory() __attribute__((weak));

namespace token_service::net {
namespace {

constexpr int kFewestCalls = 1024;  // Handshakes are no calls, and have to fit too.
constexpr uint64_t kCallBytes = 256;
// Not even the smallest answer to a call with the largest headers that are accepted.
constexpr uint64_t kLeastShare = 64;
// After a connection was ended. The allocator keeps what is free, and into that the next one could
// grow unseen.
constexpr int kLooksToRelease = 30;
constexpr int kReleaseEach = 3;  // Looks.

uint64_t ResidentBytes() {
  char text[128] = {};
  const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t size = read(fd, text, sizeof(text) - 1);
  close(fd);
  uint64_t all = 0;
  uint64_t resident = 0;
  if (size <= 0 || std::sscanf(text, "%lu %lu", &all, &resident) != 2) return 0;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

void ReleaseFreeMemory() {
  malloc_trim(0);
  if (MallocExtension_ReleaseFreeMemory != nullptr) MallocExtension_ReleaseFreeMemory();
}

uint16_t LocalPort(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  if (address.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  }
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  }
  return 0;
}

std::optional<uint64_t> CookieOf(int fd) {
  uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) != 0) return std::nullopt;
  return cookie;
}

std::optional<ConnectionTraffic> TrafficOf(int fd) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  if (size < offsetof(tcp_info, tcpi_bytes_sent) + sizeof(info.tcpi_bytes_sent)) {
    return std::nullopt;  // Linux before 4.19.
  }
  const std::optional<uint64_t> cookie = CookieOf(fd);
  if (!cookie.has_value()) return std::nullopt;
  return ConnectionTraffic{.fd = fd,
                           .cookie = *cookie,
                           .received = info.tcpi_bytes_received,
                           .sent = info.tcpi_bytes_sent};
}

}  // namespace

std::vector<ConnectionTraffic> TrafficAt(const std::vector<uint16_t>& ports) {
  std::vector<ConnectionTraffic> all;
  std::error_code error;
  for (std::filesystem::directory_iterator at("/proc/self/fd", error), end; !error && at != end;
       at.increment(error)) {
    const int fd = std::atoi(at->path().filename().c_str());
    if (std::find(ports.begin(), ports.end(), LocalPort(fd)) == ports.end()) continue;
    if (const auto traffic = TrafficOf(fd); traffic.has_value()) all.push_back(*traffic);
  }
  return all;
}

uint64_t MostThatWaits(int calls) {
  return kCallBytes * static_cast<uint64_t>(std::max(calls, kFewestCalls));
}

std::vector<ConnectionTraffic> WhoOnlySends(const std::vector<ConnectionTraffic>& before,
                                            const std::vector<ConnectionTraffic>& now,
                                            uint64_t much) {
  // There may be tens of thousands, and this is the thread of all timers.
  absl::flat_hash_map<uint64_t, const ConnectionTraffic*> earlier;
  earlier.reserve(before.size());
  for (const ConnectionTraffic& connection : before) {
    earlier.emplace(connection.cookie, &connection);
  }
  std::vector<ConnectionTraffic> found;
  for (const ConnectionTraffic& connection : now) {
    const auto same = earlier.find(connection.cookie);
    const bool is_new = same == earlier.end();
    const uint64_t received = connection.received - (is_new ? 0 : same->second->received);
    const uint64_t sent = connection.sent - (is_new ? 0 : same->second->sent);
    if (received >= much && sent < received / kLeastShare) found.push_back(connection);
  }
  return found;
}

bool AbortConnection(const ConnectionTraffic& connection) {
  // Whatever this number is by now, the copy stays what it is.
  const int copy = fcntl(connection.fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return false;
  // Disconnecting (connect(2)): shutdown would leave what has come to be read.
  const sockaddr nowhere{.sa_family = AF_UNSPEC, .sa_data = {}};
  const bool aborted =
      CookieOf(copy) == connection.cookie && connect(copy, &nowhere, sizeof(nowhere)) == 0;
  close(copy);
  return aborted;
}

bool GrowthWatch::Grows(uint64_t resident_bytes) {
  uint64_t least = resident_bytes;
  for (const uint64_t earlier : recent_) {
    if (earlier != 0) least = std::min(least, earlier);
  }
  recent_[next_] = resident_bytes;
  next_ = (next_ + 1) % recent_.size();
  return resident_bytes - least > kMost;
}

int ConnectionGuard::Look() {
  if (looks_to_release_ > 0 && --looks_to_release_ % kReleaseEach == 0) ReleaseFreeMemory();
  if (!growth_.Grows(ResidentBytes())) {
    growing_ = false;
    return 0;
  }
  std::vector<ConnectionTraffic> now = TrafficAt(ports_);
  if (!std::exchange(growing_, true)) {
    before_ = std::move(now);
    return 0;
  }
  int aborted = 0;
  for (const ConnectionTraffic& connection : WhoOnlySends(before_, now, much_)) {
    aborted += AbortConnection(connection) ? 1 : 0;
  }
  if (aborted > 0) looks_to_release_ = kLooksToRelease;
  return aborted;
}

}  // namespace token_service::net
