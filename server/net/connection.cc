#include "server/net/connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace token_service::net {
namespace {

// Calls `each` for the parts of the first `size` bytes. Returns whether there was room for more.
template <typename Each>
bool ForEachPart(const msghdr& message, size_t size, Each each) {
  for (size_t i = 0; i < message.msg_iovlen; ++i) {
    const iovec& part = message.msg_iov[i];
    const size_t of_it = std::min(size, part.iov_len);
    if (of_it > 0) each(std::string_view(static_cast<const char*>(part.iov_base), of_it));
    size -= of_it;
    if (of_it < part.iov_len) return true;
  }
  return false;
}

// Disconnecting (connect(2)): shutdown would leave what has come to be read. Unix sockets know only
// that.
void Abort(int fd) {
  const sockaddr nowhere{.sa_family = AF_UNSPEC, .sa_data = {}};
  if (connect(fd, &nowhere, sizeof(nowhere)) != 0) shutdown(fd, SHUT_RDWR);
}

std::string Text(int family, const void* address) {
  std::array<char, INET6_ADDRSTRLEN> text = {};
  inet_ntop(family, address, text.data(), text.size());
  return text.data();
}

}  // namespace

bool Connection::WasRead(const msghdr& message, ssize_t size) {
  const int error = errno;
  bool let = true;
  {
    absl::MutexLock lock(&mutex_);
    if (phase_ == Phase::kCutOff) {
      let = false;
    } else if (size < 0) {
      if (error == EAGAIN) ledger_.Drained();
    } else if (is_tls_.load(std::memory_order_relaxed)) {
      if (ForEachPart(message, static_cast<size_t>(size), [](std::string_view) {})) {
        ledger_.Drained();
      }
    } else {
      const bool drained =
          ForEachPart(message, static_cast<size_t>(size), [&](std::string_view bytes) {
            mutex_.AssertHeld();
            let = let && Take(bytes);
          });
      if (drained) ledger_.Drained();
    }
  }
  errno = error;
  return let;
}

void Connection::WasSent(const msghdr& message, size_t size) {
  if (is_tls_.load(std::memory_order_relaxed)) return;
  absl::MutexLock lock(&mutex_);
  ForEachPart(message, size, [&](std::string_view bytes) {
    mutex_.AssertHeld();
    ledger_.Sent(bytes);
  });
  Account();
}

bool Connection::TlsRead(std::string_view bytes) {
  absl::MutexLock lock(&mutex_);
  return phase_ != Phase::kCutOff && Take(bytes);
}

void Connection::TlsWritten(std::string_view bytes) {
  absl::MutexLock lock(&mutex_);
  ledger_.Sent(bytes);
  Account();
}

bool Connection::Take(std::string_view bytes) {
  Breach breach = ledger_.Received(bytes);
  Account();
  if (breach == Breach::kNone && peer_->held_bytes.load(std::memory_order_relaxed) >
                                     together_.most_of_a_peer.load(std::memory_order_relaxed)) {
    breach = Breach::kTooMuch;
  }
  if (breach == Breach::kNone) return true;
  CutOffLocked(breach);
  return false;
}

void Connection::Account() {
  // Who is cut off is about to let go.
  const uint64_t holds = phase_ == Phase::kOpen ? ledger_.bytes() : 0;
  if (holds == accounted_) return;
  // Wraps, when it is less.
  peer_->held_bytes.fetch_add(holds - accounted_, std::memory_order_relaxed);
  together_.held_bytes.fetch_add(holds - accounted_, std::memory_order_relaxed);
  accounted_ = holds;
}

bool Connection::CutOff(Breach breach) {
  absl::MutexLock lock(&mutex_);
  return CutOffLocked(breach);
}

// Under the lock, so that the number is not another's by now. It waits for nothing.
bool Connection::CutOffLocked(Breach breach) {
  if (phase_ != Phase::kOpen) return false;
  phase_ = Phase::kCutOff;
  Account();
  Abort(fd_);
  together_.cut_offs.Add(breach, peer_->name);
  return true;
}

void Connection::Closes() {
  absl::MutexLock lock(&mutex_);
  phase_ = Phase::kClosed;
  Account();
}

Connection::Standing Connection::Look(MonotonicTime now) {
  absl::MutexLock lock(&mutex_);
  // Who is cut off owes nothing; gRPC will have let go in a moment.
  if (phase_ != Phase::kOpen) return {};
  if (!ledger_.awaits_acknowledgement()) {
    owes_since_.reset();
  } else if (!owes_since_.has_value()) {
    owes_since_ = now;
  }
  return {.bytes = ledger_.bytes(),
          .opened = ledger_.opened(),
          .resets = ledger_.resets(),
          .owes_since = owes_since_};
}

std::string PeerOf(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  // The kernel's word, not this program's own getpeername: see peer_user.h.
  if (syscall(SYS_getpeername, fd, &address, &size) != 0) return "unknown";
  if (address.ss_family == AF_INET) {
    return Text(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr);
  }
  if (address.ss_family == AF_INET6) {
    in6_addr of6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&of6)) return Text(AF_INET, of6.s6_addr + 12);
    if (IN6_IS_ADDR_LOOPBACK(&of6)) return Text(AF_INET6, &of6);
    std::memset(of6.s6_addr + 8, 0, 8);
    return absl::StrCat(Text(AF_INET6, &of6), "/64");
  }
  ucred credentials{};
  size = sizeof(credentials);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return "unknown";
  return absl::StrCat("uid:", credentials.uid);
}

}  // namespace token_service::net
