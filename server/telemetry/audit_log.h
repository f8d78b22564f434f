#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "server/base/clock.h"
#include "server/telemetry/log.h"

namespace token_service::telemetry {

// Who did what: one JSON object a line, in a file of its own or among the log's lines. Write never
// waits for the disk: a thread of its own writes. What does not fit into the queue is dropped,
// counted, and reported in a line; what the disk refuses is kept and tried again each second.
class AuditLog {
 public:
  struct Options {
    std::string file;  // Empty: among the log's lines.
    size_t most_queued_bytes = 4 << 20;
  };

  // Opens the file, mode 0600 if it is new. An error is one line that names it.
  static absl::StatusOr<std::unique_ptr<AuditLog>> Create(Options options, const Clock& clock);
  // Writes what is queued, if the disk takes it.
  ~AuditLog();

  // Its file was not there before.
  bool made_file() const { return made_file_; }

  // Any thread. A value may be any bytes: see JsonLine.
  void Write(std::string_view event, absl::Span<const Field> fields);

  // Soon opens the file anew, by its name: it may have been renamed (logrotate).
  void Reopen();

  uint64_t lines() const { return lines_.load(std::memory_order_relaxed); }
  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }
  // Of writing or of opening anew.
  uint64_t failures() const { return failures_.load(std::memory_order_relaxed); }

 private:
  AuditLog(Options options, const Clock& clock) : options_(std::move(options)), clock_(clock) {}

  void Run();
  // What there is to do for the writer. Waits for it; while `failing`, for a second at most.
  struct Task {
    std::string lines;
    bool reopen = false;
    bool stop = false;
  };
  Task Await(bool failing);
  void OpenAnew();
  // Of pending_. False: some is left.
  bool WritePending();
  void NoteFailure(std::string_view what, int error);

  const Options options_;
  const Clock& clock_;
  bool made_file_ = false;  // From Create on as it is.
  std::atomic<uint64_t> lines_ = 0;
  std::atomic<uint64_t> dropped_ = 0;
  std::atomic<uint64_t> failures_ = 0;

  // The writer's alone, once it runs.
  int file_ = -1;
  std::string pending_;
  size_t written_ = 0;  // Of pending_.
  bool failing_ = false;

  absl::Mutex mutex_;
  std::string queue_ ABSL_GUARDED_BY(mutex_);
  uint64_t unreported_ ABSL_GUARDED_BY(mutex_) = 0;  // Dropped.
  bool reopen_ ABSL_GUARDED_BY(mutex_) = false;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread writer_;
};

}  // namespace token_service::telemetry
