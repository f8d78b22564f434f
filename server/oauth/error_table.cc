#include "server/oauth/error_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "server/base/absl_view.h"

namespace token_service::oauth {
namespace {

using broker::ClientRefused;
using broker::ErrorMeaning;
using broker::ExchangeOutcome;
using broker::Extended;
using broker::GrantDead;
using broker::InDoubt;
using broker::Reason;
using broker::Unspent;

enum class Meaning {
  kDead,
  kThrottled,
  kUnavailable,
  kDoubtfulUnavailable,
  kDoubtfulRejected,
  kRejected,
};

constexpr std::pair<std::string_view, Meaning> kCodes[] = {
    {"invalid_grant", Meaning::kDead},
    {"bad_refresh_token", Meaning::kDead},
    {"invalid_refresh_token", Meaning::kDead},
    {"login_required", Meaning::kDead},
    {"interaction_required", Meaning::kDead},
    {"consent_required", Meaning::kDead},
    {"account_selection_required", Meaning::kDead},
    {"slow_down", Meaning::kThrottled},
    {"rate_limit_exceeded", Meaning::kThrottled},
    {"rate_limited", Meaning::kThrottled},
    {"ratelimited", Meaning::kThrottled},
    {"too_many_requests", Meaning::kThrottled},
    {"temporarily_unavailable", Meaning::kUnavailable},
    {"server_error", Meaning::kDoubtfulUnavailable},
    {"invalid_target", Meaning::kDoubtfulRejected},
    {"invalid_client", Meaning::kRejected},
    {"incorrect_client_credentials", Meaning::kRejected},
    {"unauthorized_client", Meaning::kRejected},
    {"invalid_scope", Meaning::kRejected},
    {"invalid_request", Meaning::kRejected},
    {"unsupported_grant_type", Meaning::kRejected},
};

std::optional<Meaning> MeaningOf(const ErrorAnswer& answer,
                                 const std::vector<std::string>& dead_grant_errors) {
  if (!answer.code.has_value()) return std::nullopt;
  const std::string& code = *answer.code;
  const bool named = std::any_of(dead_grant_errors.begin(), dead_grant_errors.end(),
                                 [&code](const std::string& error) {
                                   return absl::EqualsIgnoreCase(AbslView(error), AbslView(code));
                                 });
  if (named) return Meaning::kDead;
  for (const auto& [name, meaning] : kCodes) {
    if (!absl::EqualsIgnoreCase(AbslView(name), AbslView(code))) continue;
    const bool about_token = name == "unauthorized_client" && answer.refresh_token_dead;
    return about_token ? Meaning::kDead : meaning;
  }
  return std::nullopt;
}

std::string Detail(const ErrorAnswer& answer, bool known) {
  if (known) return absl::StrFormat("HTTP %d, %s", answer.status, *answer.code);
  if (!answer.shown_code.empty()) {
    return absl::StrFormat("HTTP %d, %s", answer.status, AbslView(answer.shown_code));
  }
  if (answer.code.has_value()) {
    return absl::StrFormat("HTTP %d, unrecognised error code", answer.status);
  }
  return absl::StrFormat("HTTP %d, %d bytes without an OAuth error", answer.status,
                         answer.body_size);
}

Reason DoubtfulReason(int status) {
  const bool outage = status / 100 == 5 || status == 408 || status == 401 || status == 403;
  return outage ? Reason::kProviderUnavailable : Reason::kProviderMalformed;
}

// A 2xx that holds an error is judged as a 400.
int JudgedStatus(const ErrorAnswer& answer) {
  return answer.status / 100 == 2 && answer.code.has_value() ? 400 : answer.status;
}

ExchangeOutcome AsRuled(const ErrorAnswer& answer, std::string detail) {
  const auto unspent = [&](Reason reason) {
    return Unspent{reason, std::move(detail), answer.retry_after};
  };
  switch (*answer.ruled) {
    case ErrorMeaning::kDead:
      return GrantDead{std::move(detail)};
    case ErrorMeaning::kBusy:
    case ErrorMeaning::kTooEarly:
      return unspent(Reason::kProviderBusy);
    case ErrorMeaning::kThrottled:
      return unspent(Reason::kProviderThrottled);
    case ErrorMeaning::kUnavailable:
      return unspent(Reason::kProviderUnavailable);
    case ErrorMeaning::kExtended:
      return Extended{answer.lifetime};
    case ErrorMeaning::kClientRefused:
      break;
  }
  return ClientRefused{std::move(detail)};
}

}  // namespace

std::optional<std::string_view> KnownCode(std::string_view text) {
  for (const auto& [name, meaning] : kCodes) {
    if (absl::EqualsIgnoreCase(AbslView(name), AbslView(text))) return name;
  }
  return std::nullopt;
}

bool RefusesAuthentication(const ErrorAnswer& answer) {
  const int status = JudgedStatus(answer);
  if (status / 100 != 4 || status == 429 || answer.ruled.has_value()) return false;
  const auto code = answer.code.has_value() ? KnownCode(*answer.code) : std::nullopt;
  return code == "invalid_client" || code == "incorrect_client_credentials" ||
         (status == 401 && code == "unauthorized_client" && !answer.refresh_token_dead);
}

ExchangeOutcome ClassifyError(const ErrorAnswer& answer,
                              const std::vector<std::string>& dead_grant_errors) {
  const int status = JudgedStatus(answer);
  const std::optional<Meaning> meaning = MeaningOf(answer, dead_grant_errors);
  std::string detail = Detail(answer, meaning.has_value());
  const auto in_doubt = [&](Reason reason) {
    return InDoubt{reason, std::move(detail), answer.retry_after};
  };
  const auto unspent = [&](Reason reason) {
    return Unspent{reason, std::move(detail), answer.retry_after};
  };

  if (answer.ruled.has_value()) return AsRuled(answer, std::move(detail));
  if (status / 100 != 4) return in_doubt(DoubtfulReason(status));
  if (meaning == Meaning::kDead && answer.busy && KnownCode(*answer.code) == "invalid_grant") {
    return unspent(Reason::kProviderBusy);
  }
  if (meaning == Meaning::kDead) return GrantDead{std::move(detail)};
  if (status == 429) return unspent(Reason::kProviderThrottled);
  if (!meaning.has_value() && status == 400 && answer.throttled) {
    return unspent(Reason::kProviderThrottled);
  }
  if (!meaning.has_value()) {
    if (status == 400 && answer.code.has_value()) return ClientRefused{std::move(detail)};
    return in_doubt(DoubtfulReason(status));
  }
  switch (*meaning) {
    case Meaning::kThrottled:
      return unspent(Reason::kProviderThrottled);
    case Meaning::kUnavailable:
      return unspent(Reason::kProviderUnavailable);
    case Meaning::kDoubtfulUnavailable:
      return in_doubt(Reason::kProviderUnavailable);
    case Meaning::kDoubtfulRejected:
      return in_doubt(Reason::kClientRejected);
    case Meaning::kDead:
    case Meaning::kRejected:
      break;
  }
  return ClientRefused{std::move(detail)};
}

}  // namespace token_service::oauth
