#pragma once

#include <sys/stat.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/posix/file_descriptor.h"
#include "server/posix/pid_lock.h"

namespace token_service::posix {

// A listening unix socket, non-blocking, at a path that is ours alone: docs/adr/0022-start.md.
// While this lives a lock lies beside it (PATH.lock). The socket is made beside the path as well
// (PATH.new) and stands at the path from Publish on. At the end the path is removed if what is
// there is still ours. One thread at a time.
class UnixSocket {
 public:
  // FAILED_PRECONDITION: another has the path, or something other than a socket is there. What a
  // server left that is dead is no obstacle. `mode` is what the socket will have.
  static absl::StatusOr<std::unique_ptr<UnixSocket>> Take(std::string path, mode_t mode);
  ~UnixSocket();

  const std::string& path() const { return path_; }
  int fd() const { return socket_.get(); }

  absl::Status Publish();

  absl::Status SetMode(mode_t mode);

  enum class Place {
    kOurs,
    kEmpty,     // A cleaner removed it.
    kAnothers,  // Something else is there now.
  };
  Place Look() const;

  // After kEmpty: another socket, fd() too. Those who are connected to the old one stay so.
  absl::Status MakeAnew();

 private:
  UnixSocket(std::string path, mode_t mode) : path_(std::move(path)), mode_(mode) {}

  absl::Status LockPath();
  bool LockStands() const;
  absl::Status CheckWhatIsThere();
  absl::Status BindBeside();

  const std::string path_;
  mode_t mode_;
  std::optional<PidLock> lock_;
  FileDescriptor socket_;
  // Holds the socket's inode: as long as it is open no other file can have the same number.
  FileDescriptor inode_;
  bool beside_ = false;
  bool published_ = false;
};

}  // namespace token_service::posix
