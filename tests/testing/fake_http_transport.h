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
    requests_.push_back({request.url, request.headers, request.authorization.Copy(),
                         request.body.Copy(), request.ca_file, request.send_before});
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
