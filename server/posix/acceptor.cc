#include "server/posix/acceptor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

namespace token_service::posix {
namespace {

constexpr int kLookMs = 1000;
// After the system would not give a connection, out of files say: it would be asked in a loop.
constexpr int kPauseMs = 20;
// Then Stop is looked for.
constexpr int kMostAtOnce = 64;

}  // namespace

void Acceptor::Start() {
  wake_ = FileDescriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  thread_ = std::thread([this] { Run(); });
}

void Acceptor::Accept() {
  accepting_.store(true);
  Wake();
}

void Acceptor::Stop() {
  if (thread_.joinable()) {
    stopping_.store(true);
    Wake();
    thread_.join();
  }
  sockets_ = ListeningSockets();
}

void Acceptor::SetMode(mode_t mode) {
  mode_.store(static_cast<int>(mode));
  Wake();
}

void Acceptor::Wake() {
  const uint64_t one = 1;
  (void)!write(wake_.get(), &one, sizeof(one));
}

void Acceptor::Run() {
  int pause_ms = 0;
  while (!stopping_.load()) {
    std::vector<pollfd> polled = {{.fd = wake_.get(), .events = POLLIN, .revents = 0}};
    const bool accepting = accepting_.load();
    if (accepting && pause_ms == 0) {
      for (const int fd : sockets_.descriptors()) {
        polled.push_back({.fd = fd, .events = POLLIN, .revents = 0});
      }
    }
    const bool is_unix = accepting && sockets_.unix_socket() != nullptr;
    const int timeout = pause_ms > 0 ? pause_ms : is_unix ? kLookMs : -1;
    pause_ms = 0;
    poll(polled.data(), polled.size(), timeout);
    uint64_t woken = 0;
    (void)!read(wake_.get(), &woken, sizeof(woken));
    for (size_t i = 1; i < polled.size(); ++i) {
      if (polled[i].revents != 0 && !AcceptAll(polled[i].fd)) pause_ms = kPauseMs;
    }
    if (is_unix) LookAfter();
  }
}

bool Acceptor::AcceptAll(int listening) {
  for (int i = 0; i < kMostAtOnce && !stopping_.load(); ++i) {
    FileDescriptor connection = AcceptOne(listening);
    if (connection.valid()) {
      events_.on_connection(std::move(connection), listening);
      continue;
    }
    // A peer that left while it waited is no reason to wait.
    if (errno == EINTR || errno == ECONNABORTED) continue;
    return i > 0;
  }
  return true;
}

FileDescriptor Acceptor::AcceptOne(int listening) const {
  if (whose_ == Whose::kCallers) {
    return FileDescriptor(accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  }
  FileDescriptor connection(accept(listening, nullptr, nullptr));
  if (connection.valid()) {
    fcntl(connection.get(), F_SETFL, O_NONBLOCK);
    fcntl(connection.get(), F_SETFD, FD_CLOEXEC);
  }
  return connection;
}

void Acceptor::LookAfter() {
  UnixSocket& socket = *sockets_.unix_socket();
  absl::Status status;
  if (const int mode = mode_.exchange(kNoMode); mode != kNoMode) {
    status = socket.SetMode(static_cast<mode_t>(mode));
    if (!status.ok()) events_.on_change(UnixSocket::Place::kOurs, status);
  }
  const UnixSocket::Place place = socket.Look();
  status = place == UnixSocket::Place::kEmpty ? socket.MakeAnew() : absl::OkStatus();
  const bool news =
      place != UnixSocket::Place::kOurs && (place != last_seen_ || status != last_error_ ||
                                            (place == UnixSocket::Place::kEmpty && status.ok()));
  last_seen_ = place;
  last_error_ = status;
  if (news) events_.on_change(place, status);
}

}  // namespace token_service::posix
