#pragma once

#include <sys/stat.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "server/posix/file_descriptor.h"
#include "server/posix/listening_sockets.h"

namespace token_service::posix {

// Accepts the connections of one address on a thread of its own, and looks after a unix socket: one
// that a cleaner removed is made anew within a second or two.
class Acceptor {
 public:
  // Whose connections: those of callers are limited (server/net/connection_limit.h, which takes the
  // place of accept4), those of who looks after the server are not.
  enum class Whose { kCallers, kOperators };

  struct Events {
    // The connection is non-blocking, closed on exec, and the callee's.
    absl::AnyInvocable<void(FileDescriptor connection, int listening)> on_connection;
    // A unix socket's path changed behind our back: what was found, and what came of it. Told once
    // for each change.
    absl::AnyInvocable<void(UnixSocket::Place found, const absl::Status& made_anew)> on_change =
        [](UnixSocket::Place, const absl::Status&) {};
  };

  Acceptor(Whose whose, ListeningSockets sockets, Events events)
      : whose_(whose), sockets_(std::move(sockets)), events_(std::move(events)) {}
  ~Acceptor() { Stop(); }

  // Before Stop.
  const std::string& address() const { return sockets_.address(); }

  // Before Start.
  absl::Status Publish() { return sockets_.Publish(); }

  // Has its thread from now on: what that takes can fail, with std::system_error. Once.
  void Start();

  // Accepts from now on. Once, after Start.
  void Accept();

  // No events any more, and nobody listens: who connects is refused. Waits for an event under way.
  void Stop();

  // Of a unix socket, soon.
  void SetMode(mode_t mode);

 private:
  void Run();
  void Wake();
  // False: there was nobody, although it seemed so.
  bool AcceptAll(int listening);
  FileDescriptor AcceptOne(int listening) const;
  void LookAfter();

  const Whose whose_;
  ListeningSockets sockets_;  // The thread's, from Start to Stop.
  Events events_;
  UnixSocket::Place last_seen_ = UnixSocket::Place::kOurs;
  absl::Status last_error_;
  static constexpr int kNoMode = -1;
  std::atomic<int> mode_ = kNoMode;
  std::atomic<bool> accepting_ = false;
  std::atomic<bool> stopping_ = false;
  FileDescriptor wake_;
  std::thread thread_;
};

}  // namespace token_service::posix
