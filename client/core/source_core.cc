#include "client/core/source_core.h"

#include <algorithm>
#include <utility>

#include "absl/synchronization/notification.h"

namespace token_service::client {
namespace {

// How soon a token that is held although there is a newer one is looked at again.
constexpr absl::Duration kSweepInterval = absl::Seconds(5);

// So often this thread looks around, to know by the clock whether the process stood still; and so
// much later it may come for the machine's load alone.
constexpr absl::Duration kLookInterval = absl::Seconds(2);
constexpr absl::Duration kLoad = absl::Seconds(1);

TokenError NoAnswerYet() {
  return {.code = grpc::StatusCode::UNAVAILABLE,
          .reason = ErrorReason::kNoAnswerYet,
          .reason_name = "NO_ANSWER_YET",
          .message = "the server has not answered yet"};
}

TokenError Forked() {
  return {.code = grpc::StatusCode::FAILED_PRECONDITION,
          .reason = ErrorReason::kForked,
          .reason_name = "FORKED",
          .message = "this process was forked off the one that opened the token source"};
}

TokenError Closed() {
  return {.code = grpc::StatusCode::CANCELLED,
          .reason = ErrorReason::kClosed,
          .reason_name = "CLOSED",
          .message = "the token source was closed"};
}

}  // namespace

SourceCore::SourceCore(std::unique_ptr<TokenTransport> transport,
                       std::function<void(const TokenOrError&)> on_change, const Clock& clock,
                       const KeeperPolicy& policy)
    : on_change_(std::move(on_change)),
      clock_(clock),
      transport_(std::move(transport)),
      cell_({.token = nullptr, .error = NoAnswerYet()}, {.token = nullptr, .error = Forked()}),
      keeper_(
          *transport_, random_,
          [this](Snapshot snapshot, bool news) {
            cell_.Publish(std::move(snapshot));
            news_ = news_ || news;
          },
          policy),
      thread_([this] { Run(); }) {}

SourceCore::~SourceCore() {
  {
    absl::MutexLock lock(&mutex_);
    closing_ = true;
  }
  alarm_.Ring();
  thread_.join();
  const auto left = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return inside_ == 0; };
  absl::MutexLock lock(&mutex_, absl::Condition(&left));
}

void SourceCore::Rejected(uint64_t generation) {
  if (InChild()) return;
  Post(Reject{generation});
}

TokenOrError SourceCore::Wait(uint64_t rejected_generation, absl::Duration timeout) {
  TokenOrError current = cell_.Read();
  if (current.ok() && current->generation() != rejected_generation) return current;
  // From on_change: nobody would ever wake this thread.
  if (InChild() || std::this_thread::get_id() == thread_.get_id()) return current;

  absl::Notification done;
  std::optional<TokenError> error;
  {
    absl::MutexLock lock(&mutex_);
    if (closing_) return SnapshotCell::Alone({.token = nullptr, .error = Closed()});
    ++inside_;
    if (rejected_generation != 0) mail_.push_back(Reject{rejected_generation});
    mail_.push_back(TokenKeeper::Waiter{.rejected_generation = rejected_generation,
                                        .deadline = clock_.Now() + timeout,
                                        .done = [&](std::optional<TokenError> outcome) {
                                          error = std::move(outcome);
                                          done.Notify();
                                        }});
  }
  alarm_.Ring();
  done.WaitForNotification();
  TokenOrError answer = error.has_value()
                            ? SnapshotCell::Alone({.token = nullptr, .error = *std::move(error)})
                            : cell_.Read();
  absl::MutexLock lock(&mutex_);
  --inside_;
  return answer;
}

void SourceCore::OnToken(CallId call, TokenAnswer answer) {
  Post(Came{.call = call, .what = std::move(answer), .at = clock_.Now()});
}

void SourceCore::OnEnd(CallId call, TokenError error) {
  Post(Came{.call = call, .what = std::move(error), .at = clock_.Now()});
}

void SourceCore::Post(Mail mail) {
  {
    absl::MutexLock lock(&mutex_);
    mail_.push_back(std::move(mail));
  }
  alarm_.Ring();
}

void SourceCore::Run() {
  transport_->Attach(*this);
  Moment here = clock_.Now();
  while (true) {
    const Moment now = clock_.Now();
    if (now - here > kLookInterval + kLoad) keeper_.OnGap(here, now);
    here = now;
    if (!ReadMail()) break;
    const Moment wake = keeper_.Proceed(clock_.Now());
    TellNews();
    absl::Duration sleep = std::max(wake - clock_.Now(), absl::ZeroDuration());
    if (cell_.Sweep() > 0) sleep = std::min(sleep, kSweepInterval);
    alarm_.Sleep(std::min(sleep, kLookInterval));
  }
  transport_->Shutdown();
  // What came too late, but for those who wait.
  std::vector<Mail> rest;
  {
    absl::MutexLock lock(&mutex_);
    rest.swap(mail_);
  }
  for (Mail& mail : rest) {
    if (auto* waiter = std::get_if<TokenKeeper::Waiter>(&mail)) keeper_.Wait(std::move(*waiter));
  }
  keeper_.Close(Closed());
}

bool SourceCore::ReadMail() {
  std::vector<Mail> mail;
  {
    absl::MutexLock lock(&mutex_);
    if (closing_) return false;
    mail.swap(mail_);
  }
  for (Mail& each : mail) {
    if (auto* came = std::get_if<Came>(&each)) {
      if (auto* answer = std::get_if<TokenAnswer>(&came->what)) {
        keeper_.OnToken(came->call, std::move(*answer), came->at);
      } else {
        keeper_.OnEnd(came->call, std::get<TokenError>(std::move(came->what)), came->at);
      }
    } else if (const auto* reject = std::get_if<Reject>(&each)) {
      keeper_.Reject(reject->generation, clock_.Now());
    } else {
      keeper_.Wait(std::get<TokenKeeper::Waiter>(std::move(each)));
    }
  }
  return true;
}

void SourceCore::TellNews() {
  if (!std::exchange(news_, false) || on_change_ == nullptr) return;
  on_change_(cell_.Read());
}

}  // namespace token_service::client
