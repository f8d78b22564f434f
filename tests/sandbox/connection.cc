#include "tests/sandbox/connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "absl/time/time.h"

namespace token_service::sandbox {
namespace {

constexpr int kIoTimeoutMs = 10'000;
constexpr int kLookAgainMs = 20;

thread_local Connection* current = nullptr;

}  // namespace

Connection::Connection(socket_t fd) : fd_(fd) { current = this; }

Connection::~Connection() {
  current = nullptr;
  if (reset_) {
    // A linger time of zero makes close() send RST; a FIN before it would spoil that.
    const linger abort = {.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
  } else {
    ::shutdown(fd_, SHUT_WR);
  }
  ::close(fd_);
}

Connection& Connection::Current() { return *current; }

void Connection::EndWithoutAnswer(Ending ending) {
  mute_ = true;
  reset_ = ending == Ending::kReset;
}

void Connection::WaitForClientToLeave(const absl::Notification& stopping) const {
  while (!stopping.HasBeenNotified()) {
    pollfd poll_fd = {fd_, POLLRDHUP, 0};
    if (::poll(&poll_fd, 1, kLookAgainMs) > 0) return;
  }
}

bool Connection::WaitFor(short events, int timeout_ms) const {
  pollfd poll_fd = {fd_, events, 0};
  return ::poll(&poll_fd, 1, timeout_ms) > 0;
}

bool Connection::is_readable() const {
  return consumed_ < buffered_ || WaitFor(POLLIN, kIoTimeoutMs);
}

bool Connection::is_writable() const { return WaitFor(POLLOUT, kIoTimeoutMs); }

// Buffered: the library reads the header lines byte by byte.
ssize_t Connection::read(char* data, size_t size) {
  if (consumed_ == buffered_) {
    if (!WaitFor(POLLIN, kIoTimeoutMs)) return -1;
    const ssize_t got = ::recv(fd_, buffer_.data(), buffer_.size(), 0);
    if (got <= 0) return got;
    buffered_ = static_cast<size_t>(got);
    consumed_ = 0;
  }
  const size_t count = std::min(size, buffered_ - consumed_);
  std::memcpy(data, buffer_.data() + consumed_, count);
  consumed_ += count;
  return static_cast<ssize_t>(count);
}

ssize_t Connection::write(const char* data, size_t size) {
  if (mute_) return static_cast<ssize_t>(size);
  if (!is_writable()) return -1;
  return ::send(fd_, data, size, MSG_NOSIGNAL);
}

void Connection::get_remote_ip_and_port(std::string& ip, int& port) const {
  ip.clear();
  port = -1;
}

void Connection::get_local_ip_and_port(std::string& ip, int& port) const {
  ip.clear();
  port = -1;
}

}  // namespace token_service::sandbox
