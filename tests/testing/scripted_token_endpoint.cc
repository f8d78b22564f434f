#include "tests/testing/scripted_token_endpoint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace token_service::testing {

using broker::ExchangeOutcome;
using broker::Reason;

void ScriptedTokenEndpoint::Next(ExchangeOutcome outcome) {
  Next(Answer([outcome = std::move(outcome)]() mutable { return std::move(outcome); }));
}

void ScriptedTokenEndpoint::Next(Answer answer) {
  absl::MutexLock lock(&mutex_);
  script_.push_back(std::move(answer));
}

void ScriptedTokenEndpoint::Meanwhile(absl::AnyInvocable<void()> what) {
  absl::MutexLock lock(&mutex_);
  meanwhile_.push_back(std::move(what));
}

void ScriptedTokenEndpoint::WhileConnecting(absl::AnyInvocable<void()> what) {
  absl::MutexLock lock(&mutex_);
  connecting_.push_back(std::move(what));
}

void ScriptedTokenEndpoint::SetRule(Rule rule) {
  absl::MutexLock lock(&mutex_);
  rule_ = std::move(rule);
}

void ScriptedTokenEndpoint::SetRotates(bool rotates) {
  absl::MutexLock lock(&mutex_);
  rotates_ = rotates;
}

void ScriptedTokenEndpoint::SetLifetime(std::optional<absl::Duration> lifetime) {
  absl::MutexLock lock(&mutex_);
  lifetime_ = lifetime;
}

std::vector<ScriptedTokenEndpoint::Post> ScriptedTokenEndpoint::posts() const {
  absl::MutexLock lock(&mutex_);
  return posts_;
}

size_t ScriptedTokenEndpoint::count() const {
  absl::MutexLock lock(&mutex_);
  return posts_.size();
}

size_t ScriptedTokenEndpoint::count(std::string_view credential) const {
  absl::MutexLock lock(&mutex_);
  return static_cast<size_t>(std::count_if(posts_.begin(), posts_.end(), [&](const Post& post) {
    return post.credential == credential;
  }));
}

ExchangeOutcome ScriptedTokenEndpoint::Exchange(const broker::CredentialSettings& settings,
                                                const broker::Presented& presented,
                                                MonotonicTime send_before) {
  const Secret& refresh_token = RefreshTokenOf(presented);
  Answer answer;
  absl::AnyInvocable<void()> connecting;
  absl::AnyInvocable<void()> meanwhile;
  Rule rule;
  {
    absl::MutexLock lock(&mutex_);
    if (!connecting_.empty()) {
      connecting = std::move(connecting_.front());
      connecting_.pop_front();
    }
  }
  if (connecting != nullptr) connecting();
  if (clock_.Now() >= send_before) return broker::TooLate{};
  {
    absl::MutexLock lock(&mutex_);
    posts_.push_back({settings.name, settings.token_endpoint, std::string(refresh_token.Reveal()),
                      clock_.Now()});
    if (!script_.empty()) {
      answer = std::move(script_.front());
      script_.pop_front();
    } else if (!meanwhile_.empty()) {
      meanwhile = std::move(meanwhile_.front());
      meanwhile_.pop_front();
    }
    rule = rule_;
  }
  if (answer != nullptr) return answer();
  if (rule != nullptr) {
    if (auto outcome = rule(settings); outcome.has_value()) return *std::move(outcome);
  }
  if (meanwhile != nullptr) meanwhile();
  return Grant(settings.name, refresh_token);
}

ExchangeOutcome ScriptedTokenEndpoint::Grant(const std::string& credential,
                                             const Secret& refresh_token) {
  absl::MutexLock lock(&mutex_);
  const std::string presented(refresh_token.Reveal());
  if (consumed_.contains(presented)) {
    ADD_FAILURE() << "a consumed refresh token of " << credential << " was presented";
    return broker::GrantDead{"reuse"};
  }
  ++serial_;
  broker::Granted granted{.access_token = Secret(absl::StrCat("access-", serial_)),
                          .token_type = "Bearer"};
  // A second more than they are sure to live; of less than a second, twice as much.
  if (lifetime_.has_value()) {
    granted.expires_in = *lifetime_ + std::min(absl::Seconds(1), *lifetime_);
  }
  if (rotates_ && !presented.empty()) {
    consumed_.insert(presented);
    granted.refresh_token = Secret(absl::StrCat(credential, "/", serial_));
  }
  return granted;
}

ExchangeOutcome NotReached() { return broker::Unspent{Reason::kProviderUnavailable, "", {}}; }

ExchangeOutcome Lost(std::optional<absl::Duration> retry_after) {
  return broker::InDoubt{Reason::kProviderUnavailable, "", retry_after};
}

ExchangeOutcome Throttled(std::optional<absl::Duration> retry_after) {
  return broker::Unspent{Reason::kProviderThrottled, "HTTP 429", retry_after};
}

ExchangeOutcome Dead() { return broker::GrantDead{"invalid_grant"}; }

ExchangeOutcome ClientRejected() { return broker::ClientRefused{"invalid_client"}; }

ExchangeOutcome Unusable(std::string_view body) {
  return broker::Malformed{{.body = Secret(body), .http_status = 200}, ""};
}

ExchangeOutcome MayHoldTheNext(std::string_view body) {
  return broker::Malformed{{.body = Secret(body), .http_status = 200, .stands = true}, ""};
}

}  // namespace token_service::testing
