#include "server/broker/recalled_facts.h"

#include "server/broker/lifetime.h"

namespace token_service::broker {

RefreshFacts RecallFacts(const CredentialSettings& settings, const CredentialRecord& record,
                         bool shared, const Clock& clock) {
  RefreshFacts facts;
  // Another configuration or another day: a client once rejected is worth one try.
  facts.grant = record.grant == GrantState::kClientRefused ? GrantState::kUsable : record.grant;
  facts.held = record.held_since.has_value();
  const bool uses_token = UsesRefreshToken(settings.grant);
  if (!uses_token) facts.grant = GrantState::kUsable;
  facts.rotates = record.rotates && uses_token;
  facts.last_refresh = LastRefresh(record, settings.keepalive, clock);
  if (record.doubt_since.has_value()) {
    facts.doubt_since = DoubtSince(*record.doubt_since, clock);
  } else if (record.attempt.has_value() && !shared) {
    // With other holders about it may be theirs, and live: Begin finds out.
    facts.doubt_since = DoubtSince(record.attempt->begun, clock);
  }
  if (record.standing_evidence > 0 && uses_token) facts.evidence = StandingEvidence::kUnread;
  if (record.token.has_value()) {
    facts.token =
        MakeAccessToken(settings.name, record.generation, *record.token, TimingOf(settings), clock);
  }
  return facts;
}

}  // namespace token_service::broker
