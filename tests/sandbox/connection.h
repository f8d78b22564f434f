#pragma once

#include <httplib.h>

#include <array>
#include <ctime>
#include <string>

#include "absl/synchronization/notification.h"

namespace token_service::sandbox {

// One accepted TCP connection that can end without an answer, in the ways a broken network knows.
// It serves one request, on one thread.
class Connection final : public httplib::Stream {
 public:
  enum class Ending { kOrderly, kReset };

  // Takes the socket; closes it in the end.
  explicit Connection(socket_t fd);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // The connection whose request this thread is serving.
  static Connection& Current();

  // From here on nothing is sent. The client sees the connection close (FIN) or reset (RST).
  void EndWithoutAnswer(Ending ending);

  // Waits until the client closes its side, or `stopping`.
  void WaitForClientToLeave(const absl::Notification& stopping) const;

  // Of httplib::Stream. Which of the first five it has is a matter of its version, so that none
  // says `override`.
  bool is_readable() const;
  bool is_writable() const;
  bool wait_readable() const { return is_readable(); }
  bool wait_writable() const { return is_writable(); }
  time_t duration() const { return 0; }
  ssize_t read(char* data, size_t size);
  ssize_t write(const char* data, size_t size);
  void get_remote_ip_and_port(std::string& ip, int& port) const;
  void get_local_ip_and_port(std::string& ip, int& port) const;
  socket_t socket() const { return fd_; }

 private:
  bool WaitFor(short events, int timeout_ms) const;

  const socket_t fd_;
  bool mute_ = false;
  bool reset_ = false;
  std::array<char, 4096> buffer_{};
  size_t buffered_ = 0;
  size_t consumed_ = 0;
};

}  // namespace token_service::sandbox
