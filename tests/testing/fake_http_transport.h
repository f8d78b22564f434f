#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/http/http_transport.h"

namespace token_service::testing {

// Answers from a script, in order, and remembers the requests. Past the script's end: NotSent. Any
// thread.
class FakeHttpTransport final : public http::HttpTransport {
 public:
  void Answer(http::HttpOutcome outcome) {
    absl::MutexLock lock(&mutex_);
    script_.push_back(std::move(outcome));
  }
  void Answer(int status, std::string_view body) {
    Answer(http::HttpResponse{status, std::nullopt, Secret(body)});
  }

  http::HttpOutcome Post(const http::HttpRequest& request) override {
    absl::MutexLock lock(&mutex_);
    http::HttpRequest& seen = requests_.emplace_back();
    seen.url = request.url;
    seen.headers = request.headers;
    for (const auto& [name, value] : request.secret_headers) {
      seen.secret_headers.emplace_back(name, value.Copy());
    }
    seen.user_agent = request.user_agent;
    seen.query = request.query.Copy();
    seen.authorization = request.authorization.Copy();
    seen.body = request.body.Copy();
    seen.ca_file = request.ca_file;
    seen.send_before = request.send_before;
    seen.timeout = request.timeout;
    if (script_.empty()) return http::NotSent{};
    http::HttpOutcome outcome = std::move(script_.front());
    script_.pop_front();
    return outcome;
  }

  // Once no Post is under way.
  const std::vector<http::HttpRequest>& requests() const ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return requests_;
  }

 private:
  absl::Mutex mutex_;
  std::deque<http::HttpOutcome> script_ ABSL_GUARDED_BY(mutex_);
  std::vector<http::HttpRequest> requests_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace token_service::testing
