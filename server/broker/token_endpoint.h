#pragma once

#include <optional>
#include <string>
#include <variant>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/secret.h"
#include "server/broker/credential.h"
#include "server/broker/grant.h"
#include "server/broker/kept_answer.h"
#include "server/broker/provider_error.h"
#include "server/broker/reason.h"
#include "server/broker/token_properties.h"

namespace token_service::broker {

// What an exchange came to: a closed set, by what may have become of the refresh token.

// The provider answered with a token (RFC 6749 section 5.1).
struct Granted {
  Secret access_token;
  std::string token_type;
  std::optional<std::string> scope;     // Absent: as asked.
  std::optional<Secret> refresh_token;  // Absent: the old one goes on.
  // As told: see SureLifetime. Counts from when the request was sent. Absent: neither the answer
  // nor the token told.
  std::optional<absl::Duration> expires_in;
  // What callers are given beside the token.
  TokenProperties properties = {};
  // As told, from the same moment. Absent: not told.
  std::optional<absl::Duration> refresh_token_lifetime = {};
  // It brings no refresh token where one belongs, and something like another one elsewhere.
  KeptAnswer evidence = {};
};

// The provider cannot have consumed the refresh token: it was never reached, or it said so. Try
// again.
struct Unspent {
  Reason reason;
  std::string detail;  // Allow-listed facts only: HTTP status, known error code, byte count.
  std::optional<absl::Duration> retry_after;
  ProviderError said = {};
};

// The provider says that the access token that is in use lives on, from now: it sold no other.
struct Extended {
  std::optional<absl::Duration> expires_in;  // Absent: as long as it was given at first.
};

// The grant is gone (invalid_grant and its disguises). Trying again is pointless and harmful.
struct GrantDead {
  std::string detail;
  // The answer, if it names another refresh token beside the error.
  KeptAnswer evidence = {};
  ProviderError said = {};
};

// The provider refuses this client or this request. The refresh token is unspent.
struct ClientRefused {
  std::string detail;
  // It was the client secret, and another one of the credential's is in place now: to be tried at
  // once, with an attempt of its own.
  bool another_secret = false;
  ProviderError said = {};
};

// The request may have been processed and the answer is not known.
struct InDoubt {
  Reason reason;
  std::string detail;
  std::optional<absl::Duration> retry_after;
  KeptAnswer evidence = {};  // As in GrantDead.
  bool nonsense = false;     // A success whose body cannot be used and holds nothing to keep.
  ProviderError said = {};
};

// A success whose body cannot be used. In doubt, and the answer is evidence: it may hold the only
// copy of a new refresh token.
struct Malformed {
  KeptAnswer answer;
  std::string detail;
};

// The moment came first, before which it was to be sent: nothing has left.
struct TooLate {};

// tests/torture/trace.py has them in this order.
using ExchangeOutcome =
    std::variant<Granted, Unspent, GrantDead, ClientRefused, InDoubt, Malformed, TooLate, Extended>;

// The provider's token endpoint (RFC 6749 section 3.2).
class TokenEndpoint {
 public:
  virtual ~TokenEndpoint() = default;

  // Sends one token request, once; from `send_before` on, which is looked at
  // in the last moment before its bytes leave, not at all. Blocks for the service's own time-out at
  // most; called from refresh workers only, from several at once.
  virtual ExchangeOutcome Exchange(const CredentialSettings& settings, const Presented& presented,
                                   MonotonicTime send_before) = 0;
};

// What is left of an outcome where there is no refresh token to lose: no token of another kind, no
// answer to keep, no grant that could die. What the provider says of an assertion it says of the
// client.
ExchangeOutcome WithoutRefreshToken(ExchangeOutcome outcome);

}  // namespace token_service::broker
