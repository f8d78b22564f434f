#include "server/broker/refresh_policy.h"

#include <algorithm>

#include "server/broker/lifetime.h"

namespace token_service::broker {
namespace {

using Why = RefreshPlan::Why;

// Not even a provider whose tokens are spent on arrival is asked more often than this without a
// caller's need.
constexpr absl::Duration kLeastInterval = absl::Milliseconds(500);

MonotonicTime AheadOfExpiry(const RefreshFacts& facts) {
  return std::max(facts.refresh_at, facts.token->issued + kLeastInterval);
}

// From then on a refresh is worth the risk of a replay.
MonotonicTime NearlySpent(const AccessToken& token) {
  return token.expires - PreferredValidity(token);
}

// A refresh token whose fate is unknown, at a provider that rotates.
RefreshPlan PlanReplay(const CredentialSettings& settings, const RefreshFacts& facts,
                       MonotonicTime now) {
  const MonotonicTime retry_at = facts.retry_at.value_or(now);
  const MonotonicTime window_end = *facts.doubt_since + settings.replay_window;
  // At once, unless the provider asked for patience.
  const MonotonicTime earliest = std::max(now, facts.not_before);
  if (!facts.replayed && earliest < window_end) return {earliest, Why::kReplay};
  if (facts.token == nullptr || facts.rejected) return {retry_at, Why::kRetry};
  if (std::max(now, retry_at) < window_end) return {retry_at, Why::kRetry};
  const MonotonicTime nearly_spent = NearlySpent(*facts.token);
  if (retry_at < nearly_spent) return {nearly_spent, Why::kHold};
  return {retry_at, Why::kRetry};
}

// Nothing failed; nobody may be asking.
RefreshPlan PlanOnDemand(const CredentialSettings& settings, const RefreshFacts& facts,
                         MonotonicTime now) {
  const bool wanted = facts.last_asked.has_value() && now - *facts.last_asked < settings.idle_after;
  if (wanted && facts.token == nullptr) return {now, Why::kNoToken};
  if (facts.token != nullptr && (wanted || now < facts.refresh_at)) {
    return {AheadOfExpiry(facts), Why::kAhead};
  }
  return {facts.last_refresh + settings.keepalive, Why::kKeepalive};
}

// Nothing will be sent: its token lives to its end.
RefreshPlan PlanNone(const RefreshFacts& facts, MonotonicTime now) {
  if (facts.token != nullptr && now < facts.token->expires) {
    return {facts.token->expires, Why::kExpiry};
  }
  return {MonotonicTime::Never(), Why::kNever};
}

}  // namespace

RefreshPlan PlanRefresh(const CredentialSettings& settings, const RefreshFacts& facts,
                        MonotonicTime now) {
  if (facts.grant == GrantState::kDead || facts.held) return PlanNone(facts, now);
  switch (facts.evidence) {
    case StandingEvidence::kUnusable:
      return PlanNone(facts, now);
    case StandingEvidence::kUnread:
    case StandingEvidence::kCandidate:
      // A token that was never presented trips no reuse detection.
      return {facts.retry_at.value_or(now), Why::kRetry};
    case StandingEvidence::kInDoubt:
    case StandingEvidence::kNone:
      break;
  }
  if (facts.doubt_since.has_value() && facts.rotates) return PlanReplay(settings, facts, now);
  if (facts.retry_at.has_value()) return {*facts.retry_at, Why::kRetry};
  if (settings.refresh == RefreshMode::kOnDemand) return PlanOnDemand(settings, facts, now);
  if (facts.token == nullptr) return {now, Why::kNoToken};
  return {AheadOfExpiry(facts), Why::kAhead};
}

MonotonicTime ReplayDeadline(const CredentialSettings& settings, const RefreshFacts& facts,
                             MonotonicTime now) {
  if (!facts.doubt_since.has_value() || !facts.rotates) return MonotonicTime::Never();
  if (facts.token == nullptr || facts.rejected || now >= NearlySpent(*facts.token)) {
    return MonotonicTime::Never();
  }
  return *facts.doubt_since + settings.replay_window;
}

}  // namespace token_service::broker
