#include "server/net/open_connections.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "server/net/last_heard.h"

namespace token_service::net {
namespace {

// So that reading and writing take no lock to find theirs. Pages that nobody touches cost nothing.
std::array<std::atomic<Connection*>, kMostFiles> g_by_fd;

}  // namespace

OpenConnections& OpenConnections::OfThisProcess() {
  static auto* const all = new OpenConnections;
  return *all;
}

Connection* OpenConnections::At(int fd) {
  if (fd < 0 || fd >= kMostFiles) return nullptr;
  return g_by_fd[static_cast<size_t>(fd)].load(std::memory_order_acquire);
}

void OpenConnections::Accepted(int fd) {
  if (fd < 0 || fd >= kMostFiles) return;
  const std::string peer = PeerOf(fd);
  absl::MutexLock lock(&mutex_);
  auto connection = std::make_shared<Connection>(
      fd, PeerNamed(peer), static_cast<size_t>(calls_.load(std::memory_order_relaxed)), together_);
  g_by_fd[static_cast<size_t>(fd)].store(connection.get(), std::memory_order_release);
  by_fd_[fd] = std::move(connection);
}

std::shared_ptr<Peer> OpenConnections::PeerNamed(const std::string& name) {
  // Those that are gone, before they are many.
  if (peers_.size() > 2 * by_fd_.size() + 64) {
    absl::erase_if(peers_, [](const auto& each) { return each.second.expired(); });
  }
  std::weak_ptr<Peer>& known = peers_[name];
  std::shared_ptr<Peer> peer = known.lock();
  if (peer == nullptr) known = peer = std::make_shared<Peer>(name);
  return peer;
}

void OpenConnections::Closes(int fd) {
  std::shared_ptr<Connection> connection;
  g_by_fd[static_cast<size_t>(fd)].store(nullptr, std::memory_order_release);
  {
    absl::MutexLock lock(&mutex_);
    const auto at = by_fd_.find(fd);
    if (at == by_fd_.end()) return;
    connection = std::move(at->second);
    by_fd_.erase(at);
  }
  connection->Closes();
}

std::shared_ptr<Connection> OpenConnections::Find(int fd) {
  absl::MutexLock lock(&mutex_);
  const auto at = by_fd_.find(fd);
  return at == by_fd_.end() ? nullptr : at->second;
}

std::vector<std::shared_ptr<Connection>> OpenConnections::All() {
  std::vector<std::shared_ptr<Connection>> all;
  absl::MutexLock lock(&mutex_);
  all.reserve(by_fd_.size());
  for (const auto& [fd, connection] : by_fd_) all.push_back(connection);
  return all;
}

}  // namespace token_service::net

// Instead of the C library's, for this whole program; gRPC is who calls them for connections.

extern "C" ssize_t recvmsg(int fd, msghdr* message, int flags) {
  using namespace token_service::net;  // NOLINT(google-build-using-namespace)
  NoteHeard(fd);
  const ssize_t size = syscall(SYS_recvmsg, fd, message, flags);
  if ((flags & (MSG_PEEK | MSG_ERRQUEUE)) != 0) return size;
  Connection* const connection = OpenConnections::At(fd);
  if (connection == nullptr || connection->WasRead(*message, size)) return size;
  errno = ECONNRESET;
  return -1;
}

extern "C" int close(int fd) {
  using namespace token_service::net;  // NOLINT(google-build-using-namespace)
  if (OpenConnections::At(fd) != nullptr) OpenConnections::OfThisProcess().Closes(fd);
  return static_cast<int>(syscall(SYS_close, fd));
}
