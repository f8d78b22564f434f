#include "client/core/token_keeper.h"

#include <algorithm>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"

namespace token_service::client {
namespace {

// The server would not give the token out any more, so neither does this process. All other errors
// leave what there is to its end.
bool Withdraws(const TokenError& error) {
  return error.reason == ErrorReason::kCredentialNotFound ||
         error.reason == ErrorReason::kCredentialNotPermitted ||
         error.reason == ErrorReason::kCredentialDisabled;
}

TokenError UnusableToken() {
  return {.code = grpc::StatusCode::INTERNAL,
          .reason = ErrorReason::kUnusableToken,
          .reason_name = "UNUSABLE_TOKEN",
          .message = "the server sent a token that is of no use"};
}

TokenError Expired(const std::optional<TokenError>& why) {
  if (why.has_value() && why->reason != ErrorReason::kNone) return *why;
  return {.code = grpc::StatusCode::UNAVAILABLE,
          .reason = ErrorReason::kTokenExpired,
          .reason_name = "TOKEN_EXPIRED",
          .message =
              why.has_value()
                  ? absl::StrCat("the token has expired and no other is to be had: ", why->message)
                  : "the token has expired and the server has sent no other"};
}

TokenError NotReplaced() {
  return {.code = grpc::StatusCode::UNAVAILABLE,
          .message = "the server goes on with the token that was rejected"};
}

}  // namespace

TokenKeeper::TokenKeeper(TokenTransport& transport, absl::BitGenRef random, Publish publish,
                         const KeeperPolicy& policy)
    : transport_(transport), random_(random), publish_(std::move(publish)), policy_(policy) {}

void TokenKeeper::OnToken(CallId call, TokenAnswer answer, Moment now) {
  if (auto* up = std::get_if<Up>(&watch_); up != nullptr && up->call == call) {
    OnWatchToken(*up, std::move(answer), now);
  } else if (ask_.has_value() && ask_->call == call) {
    const Ask ask = *std::exchange(ask_, std::nullopt);
    OnAskToken(ask, std::move(answer), now);
  }
}

void TokenKeeper::OnEnd(CallId call, TokenError error, Moment now) {
  if (const auto* up = std::get_if<Up>(&watch_); up != nullptr && up->call == call) {
    OnWatchEnd(std::move(error), now);
  } else if (ask_.has_value() && ask_->call == call) {
    const Ask ask = *std::exchange(ask_, std::nullopt);
    OnAskEnd(ask, std::move(error), now);
  }
}

void TokenKeeper::OnWatchToken(Up& up, TokenAnswer answer, Moment now) {
  up.overdue_at = absl::InfiniteDuration();
  if (answer.token != nullptr) up.seen = answer.token->generation();
  Accept(std::move(answer), up.since, now);
}

void TokenKeeper::OnAskToken(const Ask& ask, TokenAnswer answer, Moment now) {
  const uint64_t generation = answer.token == nullptr ? 0 : answer.token->generation();
  auto* const up = std::get_if<Up>(&watch_);
  // A push may have overtaken the answer.
  const bool old = up != nullptr && held_.has_value() && generation < up->seen;
  if (!old && !Accept(std::move(answer), ask.since, now)) {
    return OnAskEnd(ask, UnusableToken(), now);
  }
  if (ask.rejected_generation != 0 && generation == ask.rejected_generation) {
    return OnAskEnd(ask, NotReplaced(), now);
  }
  if (up != nullptr && generation > up->seen) {
    up->overdue_at = std::min(up->overdue_at, now + policy_.patience);
  }
  if (held_.has_value() && now < held_->ask_at) {
    ask_failures_ = 0;
    next_ask_ = now;
  } else {
    // The server has no newer one.
    next_ask_ = now + Delay(++ask_failures_, {});
  }
}

void TokenKeeper::OnWatchEnd(TokenError error, Moment now) {
  const Up up = std::get<Up>(watch_);
  if (error.code == grpc::StatusCode::OK) {
    // Its connection has served its age: another stream, on another connection.
    if (up.seen != 0) {
      // At once, but for a server that says so all the time.
      const bool lasted = now - up.since >= policy_.backoff.initial;
      watch_ = Down{.retry_at = lasted ? now : now + policy_.backoff.initial, .refused = false};
      return;
    }
    error = {.code = grpc::StatusCode::UNAVAILABLE, .message = "the stream ended without a word"};
  }
  if (up.seen != 0 && now - up.since >= policy_.steady) watch_failures_ = 0;
  absl::Duration delay = Delay(++watch_failures_, error);
  if (error.code == grpc::StatusCode::UNIMPLEMENTED) delay = policy_.unimplemented;
  watch_ = Down{.retry_at = now + delay, .refused = IsRefusal(error)};
  Fail(std::move(error), now);
}

void TokenKeeper::OnAskEnd(const Ask& ask, TokenError error, Moment now) {
  const absl::Duration delay = Delay(++ask_failures_, error);
  if (ask.rejected_generation == 0) {
    next_ask_ = now + delay;
    return Fail(std::move(error), now);
  }
  if (!rejection_.has_value() || rejection_->generation != ask.rejected_generation) return;
  rejection_->pending = false;
  rejection_->not_before = now + delay;
  rejection_->error = error;
  // Neither the API nor the server stands by this token any more.
  if (IsRefusal(error)) {
    Drop();
    Fail(std::move(error), now);
  }
}

void TokenKeeper::OnGap(Moment from, Moment now) { gap_ = Gap{.from = from, .until = now}; }

Moment TokenKeeper::SentAfter(Moment since, Moment now) const {
  if (!gap_.has_value() || now > gap_->until + policy_.aftermath) return now;
  // What was asked for after the gap was sent after it, and comes without delay.
  return since >= gap_->until ? now : std::max(since, gap_->from);
}

bool TokenKeeper::Accept(TokenAnswer answer, Moment since, Moment now) {
  if (answer.token == nullptr || answer.expires_in <= absl::ZeroDuration()) {
    Fail(UnusableToken(), now);
    return false;
  }
  last_error_.reset();
  const Moment sent_after = SentAfter(since, now);
  const Moment expires_at = sent_after + answer.expires_in;
  const bool doubtful = sent_after < now;
  if (doubtful) next_ask_ = now;
  if (doubtful && held_.has_value()) held_->ask_at = now;
  // It may be over.
  if (expires_at <= now) return true;
  if (held_.has_value() && held_->token->generation() == answer.token->generation() &&
      held_->token->Reveal() == answer.token->Reveal()) {
    // What was known before is not in doubt.
    if (!doubtful) held_->expires_at = expires_at;
    return true;
  }
  const absl::Duration ahead =
      std::min(policy_.ahead, answer.expires_in / 10) *
      absl::Uniform(random_, 1.0 - policy_.ahead_jitter, 1.0 + policy_.ahead_jitter);
  held_ = Held{.token = answer.token,
               .expires_at = expires_at,
               .ask_at = doubtful ? now : expires_at - ahead};
  if (rejection_.has_value() && rejection_->generation != answer.token->generation()) {
    rejection_.reset();
  }
  published_error_.reset();
  publish_({.token = std::move(answer.token), .error = {}}, true);
  return true;
}

void TokenKeeper::Fail(TokenError error, Moment /*now*/) {
  if (Withdraws(error)) Drop();
  last_error_ = std::move(error);
  if (!held_.has_value()) PublishError(*last_error_);
}

void TokenKeeper::Drop() {
  held_.reset();
  rejection_.reset();
}

void TokenKeeper::PublishError(const TokenError& error) {
  const bool news = !published_error_.has_value() || published_error_->code != error.code ||
                    published_error_->reason != error.reason;
  published_error_ = error;
  publish_({.token = nullptr, .error = error}, news);
}

void TokenKeeper::Reject(uint64_t generation, Moment now) {
  // Replaced already, or gone.
  if (!held_.has_value() || held_->token->generation() != generation) return;
  if (!rejection_.has_value() || rejection_->generation != generation) {
    rejection_ = Rejection{.generation = generation};
  } else if (!rejection_->pending && now >= rejection_->not_before) {
    rejection_->pending = true;
  }
}

void TokenKeeper::Wait(Waiter waiter) { waiters_.push_back(std::move(waiter)); }

Moment TokenKeeper::Proceed(Moment now) {
  wake_ = absl::InfiniteDuration();
  Expire(now);
  DriveWatch(now);
  DriveAsk(now);
  AnswerWaiters(now);
  return wake_;
}

void TokenKeeper::Expire(Moment now) {
  if (!held_.has_value()) return;
  if (now < held_->expires_at) return WakeAt(held_->expires_at);
  Drop();
  PublishError(Expired(last_error_));
}

void TokenKeeper::DriveWatch(Moment now) {
  if (auto* up = std::get_if<Up>(&watch_); up != nullptr) {
    if (now < up->overdue_at) return WakeAt(up->overdue_at);
    transport_.Cancel(up->call);
    up->seen = 0;
    OnWatchEnd({.code = grpc::StatusCode::UNAVAILABLE, .message = "the stream brings nothing"},
               now);
  }
  const Moment retry_at = std::get<Down>(watch_).retry_at;
  if (now < retry_at) return WakeAt(retry_at);
  watch_ = Up{.call = ++last_call_, .since = now};
  transport_.StartWatch(last_call_);
}

void TokenKeeper::DriveAsk(Moment now) {
  if (rejection_.has_value() && rejection_->pending) {
    if (ask_.has_value() && ask_->rejected_generation == rejection_->generation) return;
    // Its answer would serve for this one too, but without the report.
    if (ask_.has_value()) transport_.Cancel(ask_->call);
    return StartAsk(rejection_->generation, now);
  }
  if (ask_.has_value()) return;
  Moment due = next_ask_;
  if (held_.has_value()) due = std::max(due, held_->ask_at);
  if (const auto* up = std::get_if<Up>(&watch_); up != nullptr) {
    // The stream is asked first.
    if (up->seen == 0) due = std::max(due, up->since + policy_.patience);
  } else if (std::get<Down>(watch_).refused) {
    // The next stream will hear whether anything has changed.
    return;
  }
  if (now < due) return WakeAt(due);
  StartAsk(0, now);
}

void TokenKeeper::StartAsk(uint64_t rejected_generation, Moment now) {
  ask_ = Ask{.call = ++last_call_, .rejected_generation = rejected_generation, .since = now};
  absl::Duration timeout = policy_.call_timeout;
  // Time for another try, should this one be lost.
  if (held_.has_value() && rejected_generation == 0) {
    timeout = std::clamp((held_->expires_at - now) / 3, absl::Seconds(1), timeout);
  }
  transport_.StartGet(last_call_, rejected_generation, timeout);
}

std::optional<std::optional<TokenError>> TokenKeeper::Outcome(const Waiter& waiter,
                                                              Moment now) const {
  using Done = std::optional<TokenError>;
  const bool rejected =
      held_.has_value() && held_->token->generation() == waiter.rejected_generation;
  if (held_.has_value() && !rejected) return Done();
  if (rejected && rejection_.has_value() && !rejection_->pending) return Done(rejection_->error);
  if (!rejected && last_error_.has_value() && IsRefusal(*last_error_)) return Done(last_error_);
  if (now < waiter.deadline) return std::nullopt;
  if (!rejected && published_error_.has_value()) return Done(published_error_);
  return Done(TokenError{.code = grpc::StatusCode::DEADLINE_EXCEEDED,
                         .message = "no answer from the server in time"});
}

void TokenKeeper::AnswerWaiters(Moment now) {
  std::vector<Waiter> waiting;
  for (Waiter& waiter : waiters_) {
    if (auto outcome = Outcome(waiter, now); outcome.has_value()) {
      waiter.done(*std::move(outcome));
    } else {
      WakeAt(waiter.deadline);
      waiting.push_back(std::move(waiter));
    }
  }
  waiters_ = std::move(waiting);
}

void TokenKeeper::Close(const TokenError& error) {
  for (const Waiter& waiter : std::exchange(waiters_, {})) waiter.done(error);
}

void TokenKeeper::WakeAt(Moment moment) { wake_ = std::min(wake_, moment); }

absl::Duration TokenKeeper::Delay(int failures, const TokenError& error) {
  const absl::Duration delay = BackoffDelay(policy_.backoff, failures, random_);
  return std::max(delay, error.retry_delay.value_or(absl::ZeroDuration()));
}

}  // namespace token_service::client
