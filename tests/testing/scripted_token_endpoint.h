#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "server/base/clock.h"
#include "server/broker/token_endpoint.h"

namespace token_service::testing {

// A provider. Answers from the script, then by the rule if there is one, then as a good provider
// does: every refresh token buys an access token once and is replaced. A refresh token that was
// consumed here and comes back without being scripted fails the test. Any thread.
class ScriptedTokenEndpoint final : public broker::TokenEndpoint {
 public:
  using Answer = absl::AnyInvocable<broker::ExchangeOutcome()>;
  // Nullopt: as a good provider does.
  using Rule =
      std::function<std::optional<broker::ExchangeOutcome>(const broker::CredentialSettings&)>;

  struct Post {
    std::string credential;
    std::string endpoint;
    std::string refresh_token;
    MonotonicTime at;
  };

  explicit ScriptedTokenEndpoint(const Clock& clock) : clock_(clock) {}

  // The answer to the next exchange that has none scripted yet.
  void Next(broker::ExchangeOutcome outcome);
  // The same; the function runs while the request is out.
  void Next(Answer answer);
  // Runs while the next exchange connects, before its request leaves.
  void WhileConnecting(absl::AnyInvocable<void()> what);
  // Runs while the next unscripted request is out; its answer is a good provider's.
  void Meanwhile(absl::AnyInvocable<void()> what);
  // The rule from now on; null: none.
  void SetRule(Rule rule);

  // A good provider's ways: does it rotate, how long are its tokens sure to live (what it tells is
  // a second more: SureLifetime; nullopt: it does not say).
  void SetRotates(bool rotates);
  void SetLifetime(std::optional<absl::Duration> lifetime);

  // In the order of arrival.
  std::vector<Post> posts() const;
  size_t count() const;
  size_t count(std::string_view credential) const;

  broker::ExchangeOutcome Exchange(const broker::CredentialSettings& settings,
                                   const broker::Presented& presented,
                                   MonotonicTime send_before) override;

 private:
  broker::ExchangeOutcome Grant(const std::string& credential, const Secret& refresh_token);

  const Clock& clock_;
  mutable absl::Mutex mutex_;
  std::deque<Answer> script_ ABSL_GUARDED_BY(mutex_);
  std::deque<absl::AnyInvocable<void()>> connecting_ ABSL_GUARDED_BY(mutex_);
  std::deque<absl::AnyInvocable<void()>> meanwhile_ ABSL_GUARDED_BY(mutex_);
  Rule rule_ ABSL_GUARDED_BY(mutex_);
  bool rotates_ ABSL_GUARDED_BY(mutex_) = true;
  std::optional<absl::Duration> lifetime_ ABSL_GUARDED_BY(mutex_) = absl::Hours(1);
  int serial_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<std::string> consumed_ ABSL_GUARDED_BY(mutex_);
  std::vector<Post> posts_ ABSL_GUARDED_BY(mutex_);
};

// Answers, as a provider's trouble comes in.
broker::ExchangeOutcome NotReached();
broker::ExchangeOutcome Lost(std::optional<absl::Duration> retry_after = std::nullopt);
broker::ExchangeOutcome Throttled(std::optional<absl::Duration> retry_after = std::nullopt);
broker::ExchangeOutcome Dead();
broker::ExchangeOutcome ClientRejected();
broker::ExchangeOutcome Unusable(std::string_view body);
// The same, and it may hold the next refresh token: what was sent is not sent again.
broker::ExchangeOutcome MayHoldTheNext(std::string_view body = "garbage");

}  // namespace token_service::testing
