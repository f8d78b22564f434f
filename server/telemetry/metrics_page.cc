#include "server/telemetry/metrics_page.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/telemetry/prometheus_text.h"

namespace token_service::telemetry {
namespace {

constexpr int kThreads = 4;
constexpr int kNiceness = 10;
constexpr size_t kMostRequestBytes = 8192;
constexpr std::string_view kEndOfHeaders = "\r\n\r\n";

std::string Response(std::string_view status, std::string_view more_headers,
                     std::string_view body) {
  return absl::StrCat("HTTP/1.1 ", std::string(status),
                      "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                      "Connection: close\r\n",
                      std::string(more_headers), "Content-Length: ", body.size(), "\r\n\r\n",
                      std::string(body));
}

struct RequestLine {
  std::string_view method;
  std::string_view path;  // Without the query.
};

// Nullopt: no HTTP/1.
std::optional<RequestLine> ParseRequestLine(std::string_view request) {
  const std::string_view line = request.substr(0, request.find("\r\n"));
  const size_t method_end = line.find(' ');
  if (method_end == std::string_view::npos) return std::nullopt;
  const size_t target_end = line.find(' ', method_end + 1);
  if (target_end == std::string_view::npos) return std::nullopt;
  if (!line.substr(target_end + 1).starts_with("HTTP/1.")) return std::nullopt;
  const std::string_view target = line.substr(method_end + 1, target_end - method_end - 1);
  return RequestLine{.method = line.substr(0, method_end),
                     .path = target.substr(0, target.find('?'))};
}

}  // namespace

MetricsPage::MetricsPage(posix::ListeningSockets sockets, Options options, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      address_(sockets.address()),
      acceptor_(posix::Acceptor::Whose::kOperators, std::move(sockets),
                {.on_connection = [this](posix::FileDescriptor connection, int) {
                  Enqueue(std::move(connection));
                }}) {}

void MetricsPage::Start() {
  stop_ = posix::FileDescriptor(eventfd(0, EFD_CLOEXEC));
  for (int i = 0; i < kThreads; ++i) workers_.emplace_back([this] { Run(); });
  acceptor_.Start();
}

MetricsPage::~MetricsPage() {
  acceptor_.Stop();
  const uint64_t one = 1;
  (void)!write(stop_.get(), &one, sizeof(one));
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  for (std::thread& worker : workers_) worker.join();
}

void MetricsPage::Enqueue(posix::FileDescriptor connection) {
  absl::MutexLock lock(&mutex_);
  if (waiting_.size() < options_.most_waiting) waiting_.push_back(std::move(connection));
}

void MetricsPage::Run() {
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kNiceness);
  const auto something = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return stopping_ || !waiting_.empty();
  };
  while (true) {
    posix::FileDescriptor connection;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&something));
      if (stopping_) return;
      connection = std::move(waiting_.front());
      waiting_.pop_front();
    }
    Answer(connection.get());
  }
}

void MetricsPage::Answer(int connection) {
  const MonotonicTime deadline = clock_.Now() + options_.patience;
  const std::string request = ReadRequest(connection, deadline);
  if (request.empty()) return;
  const std::optional<RequestLine> line = ParseRequestLine(request);
  std::string response;
  if (!line.has_value()) {
    response = Response("400 Bad Request", "", "");
  } else if (line->method != "GET" && line->method != "HEAD") {
    response = Response("405 Method Not Allowed", "Allow: GET, HEAD\r\n", "");
  } else if (line->path != "/metrics") {
    response = Response("404 Not Found", "", "");
  } else {
    response = Response("200 OK", "", PrometheusText(options_.sources));
  }
  if (line.has_value() && line->method == "HEAD") {
    response.resize(response.find(kEndOfHeaders) + kEndOfHeaders.size());
  }
  Write(connection, response, deadline);
  // What the peer has sent beyond its request would turn our end into a reset, and that can
  // overtake the answer.
  shutdown(connection, SHUT_WR);
  std::array<char, 4096> ignored;
  while (WaitFor(connection, POLLIN, deadline) &&
         recv(connection, ignored.data(), ignored.size(), 0) > 0) {
  }
}

std::string MetricsPage::ReadRequest(int connection, MonotonicTime deadline) const {
  std::string request;
  std::array<char, 2048> chunk;
  while (request.size() < kMostRequestBytes) {
    if (!WaitFor(connection, POLLIN, deadline)) return "";
    const ssize_t size = recv(connection, chunk.data(), chunk.size(), 0);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (size <= 0) return "";
    request.append(chunk.data(), static_cast<size_t>(size));
    if (request.find(kEndOfHeaders) != std::string::npos) return request;
  }
  return "";
}

void MetricsPage::Write(int connection, std::string_view text, MonotonicTime deadline) const {
  while (!text.empty() && WaitFor(connection, POLLOUT, deadline)) {
    const ssize_t size = send(connection, text.data(), text.size(), MSG_NOSIGNAL);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (size < 0) return;
    text.remove_prefix(static_cast<size_t>(size));
  }
}

bool MetricsPage::WaitFor(int connection, short events, MonotonicTime deadline) const {
  const absl::Duration left = std::max(deadline - clock_.Now(), absl::ZeroDuration());
  pollfd polled[] = {{.fd = connection, .events = events, .revents = 0},
                     {.fd = stop_.get(), .events = POLLIN, .revents = 0}};
  // Rounded up: the last millisecond is not polled in a loop.
  const auto timeout = static_cast<int>(absl::ToInt64Milliseconds(left + absl::Milliseconds(1)));
  const int ready = poll(polled, 2, left > absl::ZeroDuration() ? timeout : 0);
  if (ready < 0) return errno == EINTR;
  return polled[0].revents != 0 && polled[1].revents == 0;
}

}  // namespace token_service::telemetry
