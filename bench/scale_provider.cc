// bench-provider LISTEN TTL LATENCY: a token endpoint for a hundred thousand grants of
// bench-fill's. It rotates; a refresh token that was replaced is refused and counted. GET /stats
// tells, and POST /reset begins anew, how many came in each second, and how many were there at
// once.

#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "bench/scale_tokens.h"
#include "tests/sandbox/http_server.h"

namespace token_service::bench {
namespace {

class Provider {
 public:
  Provider(absl::Duration ttl, absl::Duration latency)
      : ttl_(ttl), latency_(latency), newest_(kMost) {}

  void Token(const httplib::Request& request, httplib::Response& response) {
    Arrived();
    absl::SleepFor(latency_);
    const std::optional<GrantNumber> next = Rotate(request.get_param_value("refresh_token"));
    if (next.has_value()) {
      const std::string access = absl::StrFormat("%s.%d.%d.", std::string(kAccessTokenBytes, 'x'),
                                                 next->credential, next->rotation);
      response.set_content(
          absl::StrFormat(R"({"access_token":"%s","token_type":"bearer","expires_in":%d,)"
                          R"("refresh_token":"%s"})",
                          access, absl::ToInt64Seconds(ttl_), RefreshTokenOf(*next)),
          "application/json");
    } else {
      response.status = 400;
      response.set_content(R"({"error":"invalid_grant"})", "application/json");
    }
    absl::MutexLock lock(&mutex_);
    --at_once_;
  }

  std::string Stats() {
    absl::MutexLock lock(&mutex_);
    return absl::StrFormat(R"({"requests":%d,"refused":%d,"at_once_max":%d,"per_second":[%s]})",
                           requests_, refused_, at_once_max_, absl::StrJoin(per_second_, ","));
  }

  void Reset() {
    absl::MutexLock lock(&mutex_);
    requests_ = refused_ = 0;
    at_once_max_ = at_once_;
    per_second_.clear();
    since_ = absl::Now();
  }

 private:
  void Arrived() {
    absl::MutexLock lock(&mutex_);
    ++requests_;
    at_once_max_ = std::max(at_once_max_, ++at_once_);
    const auto second = static_cast<size_t>(absl::ToInt64Seconds(absl::Now() - since_));
    if (per_second_.size() <= second) per_second_.resize(second + 1);
    ++per_second_[second];
  }

  // A provider that was started anew believes the first that comes.
  std::optional<GrantNumber> Rotate(const std::string& refresh_token) {
    std::optional<GrantNumber> number = NumberIn(refresh_token);
    absl::MutexLock lock(&mutex_);
    if (!number.has_value() || number->rotation < newest_[number->credential]) {
      ++refused_;
      return std::nullopt;
    }
    newest_[number->credential] = ++number->rotation;
    return number;
  }

  const absl::Duration ttl_;
  const absl::Duration latency_;
  absl::Mutex mutex_;
  std::vector<uint32_t> newest_ ABSL_GUARDED_BY(mutex_);
  int64_t requests_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t refused_ ABSL_GUARDED_BY(mutex_) = 0;
  int at_once_ ABSL_GUARDED_BY(mutex_) = 0;
  int at_once_max_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time since_ ABSL_GUARDED_BY(mutex_) = absl::Now();
  std::vector<int64_t> per_second_ ABSL_GUARDED_BY(mutex_);
};

int Main(const std::string& listen, absl::Duration ttl, absl::Duration latency) {
  signal(SIGPIPE, SIG_IGN);
  Provider provider(ttl, latency);
  sandbox::HttpServer server;
  server.Post("/token",
              [&](const auto& request, auto& response) { provider.Token(request, response); });
  server.Get("/stats", [&](const auto&, auto& response) {
    response.set_content(provider.Stats(), "application/json");
  });
  server.Post("/reset", [&](const auto&, auto&) { provider.Reset(); });
  const absl::StatusOr<int> port = server.Bind(listen);
  if (!port.ok()) {
    std::fprintf(stderr, "bench-provider: %s\n", port.status().ToString().c_str());
    return 1;
  }
  std::printf("listening on http://%s:%d\n", server.url_host().c_str(), *port);
  std::fflush(stdout);
  return server.listen_after_bind() ? 0 : 1;
}

}  // namespace
}  // namespace token_service::bench

int main(int argc, char** argv) {
  absl::Duration ttl;
  absl::Duration latency;
  if (argc != 4 || !absl::ParseDuration(argv[2], &ttl) || !absl::ParseDuration(argv[3], &latency)) {
    std::fputs("usage: bench-provider HOST:PORT TTL LATENCY\n", stderr);
    return 2;
  }
  return token_service::bench::Main(argv[1], ttl, latency);
}
