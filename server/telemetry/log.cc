#include "server/telemetry/log.h"

#include <poll.h>
#include <spdlog/async.h>
#include <spdlog/sinks/sink.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/inlined_vector.h"
#include "absl/synchronization/mutex.h"
#include "server/base/clock.h"
#include "server/telemetry/log_line.h"

namespace token_service::telemetry {
namespace {

constexpr size_t kQueuedLines = 4096;
constexpr absl::Duration kFlushLimit = absl::Seconds(2);

std::atomic<Level> g_level = Level::kInfo;
std::atomic<Format> g_format = Format::kAuto;

bool JsonWanted() {
  static const bool terminal = isatty(STDERR_FILENO) == 1;
  const Format format = g_format.load(std::memory_order_relaxed);
  return format == Format::kAuto ? !terminal : format == Format::kJson;
}

std::string Line(Level level, std::string_view event, absl::Span<const Field> fields) {
  const absl::Time now = SystemClock().WallNow();
  std::string line =
      JsonWanted() ? JsonLine(now, level, event, fields) : TextLine(now, level, event, fields);
  line += '\n';
  return line;
}

// What cannot be written is lost: there is nobody to tell.
void WriteToStderr(const char* data, size_t size) {
  while (size > 0) {
    const ssize_t written = write(STDERR_FILENO, data, size);
    if (written > 0) {
      data += written;
      size -= static_cast<size_t>(written);
    } else if (written < 0 && errno == EAGAIN) {
      // Somebody who shares our stderr made it non-blocking.
      pollfd ready{STDERR_FILENO, POLLOUT, 0};
      if (poll(&ready, 1, 1000) <= 0) return;
    } else if (written == 0 || errno != EINTR) {
      return;
    }
  }
}

// Called by the pool's one thread.
class StderrSink final : public spdlog::sinks::sink {
 public:
  explicit StderrSink(spdlog::details::thread_pool& pool) : pool_(pool) {}

  void log(const spdlog::details::log_msg& msg) override {
    WriteToStderr(msg.payload.data(), msg.payload.size());
    const size_t overrun = pool_.overrun_counter();
    if (overrun == reported_) return;
    const std::string notice = Line(Level::kWarning, "log lines lost, stderr is read too slowly",
                                    {{"lines", overrun - reported_}});
    reported_ = overrun;
    WriteToStderr(notice.data(), notice.size());
  }
  void flush() override {
    absl::MutexLock lock(&mutex_);
    ++flushed_;
  }
  // A line arrives ready-made.
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

  template <typename Request>
  void AwaitFlush(Request request) {
    absl::MutexLock one_at_a_time(&flushing_);
    uint64_t before = 0;
    {
      absl::MutexLock lock(&mutex_);
      before = flushed_;
    }
    request();
    const auto done = [this, before]()
                          ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return flushed_ > before; };
    absl::MutexLock lock(&mutex_);
    // With a limit: the request itself may be among the lines lost.
    mutex_.AwaitWithTimeout(absl::Condition(&done), kFlushLimit);
  }

 private:
  spdlog::details::thread_pool& pool_;
  size_t reported_ = 0;
  absl::Mutex flushing_ ABSL_ACQUIRED_BEFORE(mutex_);
  absl::Mutex mutex_;
  uint64_t flushed_ ABSL_GUARDED_BY(mutex_) = 0;
};

struct Output {
  std::shared_ptr<spdlog::details::thread_pool> pool =
      std::make_shared<spdlog::details::thread_pool>(kQueuedLines, 1);
  std::shared_ptr<StderrSink> sink = std::make_shared<StderrSink>(*pool);
  std::shared_ptr<spdlog::async_logger> logger = std::make_shared<spdlog::async_logger>(
      "", sink, pool, spdlog::async_overflow_policy::overrun_oldest);
};

// Never destroyed: threads may log while the program's statics go.
Output& TheOutput() {
  static Output* const output = [] {
    auto* made = new Output;
    made->logger->set_level(spdlog::level::trace);
    std::atexit(FlushLog);
    return made;
  }();
  return *output;
}

void Send(const std::string& line) {
  try {
    TheOutput().logger->log(spdlog::level::info, line);
  } catch (...) {
    // Out of memory or of threads. A program that cannot log goes on.
  }
}

}  // namespace

void Log(Level level, std::string_view event, std::initializer_list<Field> fields) {
  if (level < g_level.load(std::memory_order_relaxed)) return;
  Send(Line(level, event, fields));
}

void LogAudit(std::string_view event, absl::Span<const Field> fields) {
  absl::InlinedVector<Field, 12> all = {{"audit", true}};
  all.insert(all.end(), fields.begin(), fields.end());
  Send(Line(Level::kInfo, event, all));
}

uint64_t LostLogLines() { return TheOutput().pool->overrun_counter(); }

void ConfigureLog(Level level, Format format) {
  g_level.store(level, std::memory_order_relaxed);
  g_format.store(format, std::memory_order_relaxed);
}

void FlushLog() {
  try {
    Output& output = TheOutput();
    output.sink->AwaitFlush([&] { output.logger->flush(); });
  } catch (...) {
  }
}

}  // namespace token_service::telemetry
