#include "server/telemetry/audit_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/telemetry/log_line.h"

namespace token_service::telemetry {
namespace {

constexpr absl::Duration kRetry = absl::Seconds(1);

// Without waiting for the reader of a FIFO.
constexpr int kToAppend = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

int OpenToAppend(const std::string& file) { return open(file.c_str(), kToAppend, 0600); }

}  // namespace

absl::StatusOr<std::unique_ptr<AuditLog>> AuditLog::Create(Options options, const Clock& clock) {
  auto log = std::unique_ptr<AuditLog>(new AuditLog(std::move(options), clock));
  const std::string& file = log->options_.file;
  if (file.empty()) return log;
  log->file_ = open(file.c_str(), kToAppend | O_EXCL, 0600);
  log->made_file_ = log->file_ >= 0;
  if (log->file_ < 0) log->file_ = OpenToAppend(file);
  if (log->file_ < 0) {
    return absl::UnavailableError(
        absl::StrCat("audit.file: ", file, ": cannot be opened for writing: ", strerror(errno)));
  }
  log->writer_ = std::thread([raw = log.get()] { raw->Run(); });
  return log;
}

AuditLog::~AuditLog() {
  if (writer_.joinable()) {
    {
      absl::MutexLock lock(&mutex_);
      stop_ = true;
    }
    writer_.join();
  }
  if (file_ >= 0) close(file_);
}

void AuditLog::Write(std::string_view event, absl::Span<const Field> fields) {
  lines_.fetch_add(1, std::memory_order_relaxed);
  if (options_.file.empty()) return LogAudit(event, fields);
  std::string line = JsonLine(clock_.WallNow(), event, fields);
  line += '\n';
  absl::MutexLock lock(&mutex_);
  if (queue_.size() + line.size() > options_.most_queued_bytes) {
    ++unreported_;
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  queue_ += line;
}

void AuditLog::Reopen() {
  absl::MutexLock lock(&mutex_);
  reopen_ = true;
}

AuditLog::Task AuditLog::Await(bool failing) {
  const auto something = [this, failing]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stop_ || reopen_ || (!failing && !queue_.empty());
  };
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&something), failing ? kRetry : absl::InfiniteDuration());
  Task task{.reopen = std::exchange(reopen_, false), .stop = stop_};
  // What is in the writer's hands already is as much as the queue may hold.
  if (failing && !stop_) return task;
  task.lines = std::exchange(queue_, std::string());
  if (const uint64_t lost = std::exchange(unreported_, 0); lost > 0) {
    task.lines += JsonLine(clock_.WallNow(), "audit_lines_dropped", {{"lines", lost}});
    task.lines += '\n';
  }
  return task;
}

void AuditLog::Run() {
  while (true) {
    Task task = Await(failing_);
    pending_ += task.lines;
    if (task.reopen) OpenAnew();
    const bool done = WritePending();
    if (!task.stop) continue;
    if (!done) {
      Log(Level::kError, "stopping with audit lines not written",
          {{"bytes", pending_.size() - written_}});
    }
    return;
  }
}

void AuditLog::OpenAnew() {
  const int file = OpenToAppend(options_.file);
  if (file < 0) return NoteFailure("audit file not opened anew, the old one goes on", errno);
  if (file_ >= 0) close(file_);
  file_ = file;
  // A line that was half written begins again.
  const size_t end = written_ == 0 ? std::string::npos : pending_.rfind('\n', written_ - 1);
  written_ = end == std::string::npos ? 0 : end + 1;
}

bool AuditLog::WritePending() {
  while (written_ < pending_.size()) {
    const ssize_t count = write(file_, pending_.data() + written_, pending_.size() - written_);
    if (count > 0) {
      written_ += static_cast<size_t>(count);
    } else if (count == 0 || errno != EINTR) {
      // Told once; counted each time.
      const int error = count == 0 ? ENOSPC : errno;
      if (failing_) {
        failures_.fetch_add(1, std::memory_order_relaxed);
      } else {
        NoteFailure("audit not written, trying again", error);
      }
      failing_ = true;
      return false;
    }
  }
  pending_.clear();
  written_ = 0;
  if (std::exchange(failing_, false)) Log(Level::kInfo, "audit written again");
  return true;
}

void AuditLog::NoteFailure(std::string_view what, int error) {
  failures_.fetch_add(1, std::memory_order_relaxed);
  Log(Level::kError, what, {{"file", options_.file}, {"error", strerror(error)}});
}

}  // namespace token_service::telemetry
