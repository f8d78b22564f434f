#include "tests/sandbox/request_log.h"

namespace token_service::sandbox {
namespace {
constexpr size_t kKept = 20;
}

void RequestLog::Add(std::string_view request, std::string_view credential,
                     std::string_view outcome) {
  LoggedRequest entry{clock_.WallNow(), std::string(request), std::string(credential),
                      std::string(outcome)};
  absl::MutexLock lock(&mutex_);
  entries_.push_front(std::move(entry));
  if (entries_.size() > kKept) entries_.pop_back();
}

std::vector<LoggedRequest> RequestLog::Recent() const {
  absl::MutexLock lock(&mutex_);
  return {entries_.begin(), entries_.end()};
}

}  // namespace token_service::sandbox
