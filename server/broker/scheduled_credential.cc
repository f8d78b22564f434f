#include "server/broker/scheduled_credential.h"

namespace token_service::broker {
uint64_t RefreshScheduler::Entry::visible_generation() const {
  return facts.token == nullptr ? 0 : facts.token->generation;
}

void RefreshScheduler::Entry::SetToken(AccessTokenPtr token, absl::Time now) {
  ForgetFailures();
  facts.standing = Standing::kUsable;
  facts.doubt_since.reset();
  facts.rejected = false;
  facts.last_refresh = token->issued;
  generation = token->generation;
  last_refresh_time = now;
  facts.token = std::move(token);
}

void RefreshScheduler::Entry::ForgetFailures() {
  facts.retry_at.reset();
  facts.replayed = false;
  failures = 0;
  tries = 0;
  last_reason.reset();
  last_error_reason.clear();
}

void RefreshScheduler::Entry::EndClientRejection(MonotonicTime now) {
  if (facts.standing != Standing::kClientRejected) return;
  facts.standing = Standing::kUsable;
  facts.retry_at = now;
}

std::optional<Refusal> RefreshScheduler::Entry::LatchedRefusal() const {
  switch (facts.standing) {
    case Standing::kUsable:
      return std::nullopt;
    case Standing::kRefreshTokenRejected:
      return MakeRefusal(Reason::kRefreshTokenRejected);
    case Standing::kClientRejected:
      return MakeRefusal(Reason::kClientRejected);
    case Standing::kDisabled:
    case Standing::kUnreadable:
      // Between its purge from the store and its removal here.
      if (last_reason == Reason::kCredentialNotFound) return MakeRefusal(*last_reason);
      return MakeRefusal(Reason::kCredentialDisabled);
  }
  return std::nullopt;
}

CredentialStatus RefreshScheduler::Entry::Status() const {
  CredentialStatus status{.settings = settings,
                          .generation = generation,
                          .token = facts.token,
                          .create_time = create_time,
                          .last_refresh_time = last_refresh_time,
                          .last_error_reason = last_error_reason,
                          .consecutive_failures = failures,
                          .unpersisted = unpersisted.has_value()};
  switch (facts.standing) {
    case Standing::kRefreshTokenRejected:
      status.state = CredentialState::kNeedsReauthorization;
      return status;
    case Standing::kClientRejected:
      status.state = CredentialState::kClientRejected;
      return status;
    case Standing::kDisabled:
    case Standing::kUnreadable:
      status.state = CredentialState::kDisabled;
      return status;
    case Standing::kUsable:
      break;
  }
  if (facts.doubt_since.has_value() && facts.rotates) {
    status.state = CredentialState::kInDoubt;
  } else if (failures > 0 && facts.retry_at.has_value()) {
    status.state = CredentialState::kBackingOff;
  }
  return status;
}

void RefreshScheduler::Endpoint::DropStale() {
  while (!wanted.empty() && wanted.front().stale()) wanted.pop_front();
  while (!ahead.empty() && ahead.front().stale()) ahead.pop_front();
}

}  // namespace token_service::broker
