#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/base/clock.h"

namespace token_service::sandbox {

struct LoggedRequest {
  absl::Time time;
  std::string request;     // Method and path.
  std::string credential;  // Its name; empty: not known. Never a token.
  std::string outcome;
};

// The last requests, for the page. Any thread.
class RequestLog {
 public:
  explicit RequestLog(const Clock& clock) : clock_(clock) {}

  void Add(std::string_view request, std::string_view credential, std::string_view outcome);

  // Newest first.
  std::vector<LoggedRequest> Recent() const;

 private:
  const Clock& clock_;
  mutable absl::Mutex mutex_;
  std::deque<LoggedRequest> entries_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace token_service::sandbox
