#pragma once

namespace token_service::broker {

// What an answer that may hold the grant's next refresh token means for the one that was sent,
// which is not sent again while it stands (docs/adr/0030-evidence-stands.md).
enum class StandingEvidence {
  kNone,
  kUnread,     // There is some; nobody has looked into it by the rules in force.
  kCandidate,  // The refresh token in it may be tried by itself.
  kInDoubt,    // It was, and the answer was lost: trying again is a replay.
  kUnusable,   // It takes an operator.
};

}  // namespace token_service::broker
