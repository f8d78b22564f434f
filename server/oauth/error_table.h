#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "server/broker/provider_rules.h"
#include "server/broker/token_endpoint.h"

namespace token_service::oauth {

struct ErrorAnswer {
  int status = 0;  // HTTP. A 2xx that holds an error is judged as a 400.
  // `error` of RFC 6749 section 5.2, if the body is that well-formed, or what stands for it.
  std::optional<std::string> code;
  std::optional<absl::Duration> retry_after;
  size_t body_size = 0;
  // What the provider's rules say of it; then nothing else counts.
  std::optional<broker::ErrorMeaning> ruled = {};
  std::optional<absl::Duration> lifetime = {};  // Told, of a token that was `extended`.
  // See ErrorWords.
  bool busy = false;
  bool throttled = false;
  bool refresh_token_dead = false;
  std::string_view shown_code = {};  // The provider's own, if the log may have it.
};

// The code of the table that this is, in any case.
std::optional<std::string_view> KnownCode(std::string_view text);

// Whether the provider refused how the client proves itself, before anything else of the request:
// `invalid_client`, as `incorrect_client_credentials` under 200 (GitHub), as `unauthorized_client`
// under 401 (Keycloak).
bool RefusesAuthentication(const ErrorAnswer& answer);

// What an answer without a token means for the refresh token. Never Granted or Malformed.
//
// clang-format off
// | answer | outcome |
// |---|---|
// | what the rules fit | as they say |
// | 4xx: `invalid_grant` that is said to be processed already | Unspent, busy |
// | 4xx: `invalid_grant`, `bad_refresh_token`, `invalid_refresh_token`, `login_required` and the like (OpenID Connect Core 3.1.2.6), one of `dead_grant_errors`; `unauthorized_client` that is said to be about the refresh token | GrantDead |
// | 429; 4xx `slow_down`, `rate_limit_exceeded` and the like; 400 without a known code that speaks of a rate limit | Unspent, throttled |
// | 4xx `temporarily_unavailable` | Unspent, unavailable |
// | 4xx `server_error` | InDoubt, unavailable: real servers say so after they have rotated |
// | 4xx `invalid_target` (RFC 8707) | InDoubt, client rejected: likewise |
// | 4xx: another code of RFC 6749 section 5.2, `incorrect_client_credentials`; 400: any other code | ClientRefused |
// | 401, 403, 408, 5xx | InDoubt, unavailable |
// | anything else | InDoubt, malformed |
// clang-format on
//
// The first line that fits counts. `detail` shows the status, the size and a code from this table,
// from `dead_grant_errors` or `shown_code`; nothing else of the answer.
broker::ExchangeOutcome ClassifyError(const ErrorAnswer& answer,
                                      const std::vector<std::string>& dead_grant_errors);

}  // namespace token_service::oauth
