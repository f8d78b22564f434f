#pragma once

#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/base/clock.h"
#include "server/posix/acceptor.h"
#include "server/telemetry/metrics_sink.h"

namespace token_service::telemetry {

// GET /metrics over HTTP/1, in Prometheus' text format, and nothing else; a connection has one
// answer. Served by four threads of its own, at a lower priority than the rest of the process: a
// scraper that is slow, or many, or hostile, waits for itself.
class MetricsPage {
 public:
  struct Options {
    std::vector<const MetricsSource*> sources;  // In this order. Outlive the page.
    // Of a connection, from its first byte to its last.
    absl::Duration patience = absl::Seconds(5);
    size_t most_waiting = 64;  // Connections. More are closed.
  };

  MetricsPage(posix::ListeningSockets sockets, Options options, const Clock& clock);
  // Waits for no scraper.
  ~MetricsPage();

  // As bound, with the real port.
  const std::string& address() const { return address_; }

  // Has its threads from now on: what that takes can fail, with std::system_error. Once.
  void Start();

  // From now on. Once, after Start.
  void Serve() { acceptor_.Accept(); }

 private:
  void Enqueue(posix::FileDescriptor connection);
  void Run();
  void Answer(int connection);
  // What there is until the end of the headers; empty: none came, or too much.
  std::string ReadRequest(int connection, MonotonicTime deadline) const;
  void Write(int connection, std::string_view text, MonotonicTime deadline) const;
  // False: the time is over, or this object's.
  bool WaitFor(int connection, short events, MonotonicTime deadline) const;

  const Options options_;
  const Clock& clock_;
  const std::string address_;
  posix::FileDescriptor stop_;  // Readable once the page is to end.
  absl::Mutex mutex_;
  std::deque<posix::FileDescriptor> waiting_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> workers_;
  posix::Acceptor acceptor_;
};

}  // namespace token_service::telemetry
