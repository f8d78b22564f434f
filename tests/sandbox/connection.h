#pragma once

#include <httplib.h>

#include <array>
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
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // The connection whose request this thread is serving.
  static Connection& Current();

  // From here on nothing is sent. The client sees the connection close (FIN) or reset (RST).
  void EndWithoutAnswer(Ending ending);

  // Waits until the client closes its side, or `stopping`.
  void WaitForClientToLeave(const absl::Notification& stopping) const;

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* data, size_t size) override;
  ssize_t write(const char* data, size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return fd_; }

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
