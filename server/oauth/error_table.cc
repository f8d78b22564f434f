#include "server/oauth/error_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"

namespace token_service::oauth {
namespace {

using broker::ClientRefused;
using broker::ExchangeOutcome;
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
    {"slow_down", Meaning::kThrottled},
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

std::optional<Meaning> MeaningOf(const std::optional<std::string>& code,
                                 const std::vector<std::string>& dead_grant_errors) {
  if (!code.has_value()) return std::nullopt;
  if (std::find(dead_grant_errors.begin(), dead_grant_errors.end(), *code) !=
      dead_grant_errors.end()) {
    return Meaning::kDead;
  }
  for (const auto& [name, meaning] : kCodes) {
    if (name == *code) return meaning;
  }
  return std::nullopt;
}

std::string Detail(const ErrorAnswer& answer, bool known) {
  if (!answer.code.has_value()) {
    return absl::StrFormat("HTTP %d, %d bytes without an OAuth error", answer.status,
                           answer.body_size);
  }
  return absl::StrFormat("HTTP %d, %s", answer.status,
                         known ? *answer.code : std::string("unrecognised error code"));
}

Reason DoubtfulReason(int status) {
  const bool outage = status / 100 == 5 || status == 408 || status == 401 || status == 403;
  return outage ? Reason::kProviderUnavailable : Reason::kProviderMalformed;
}

// A 2xx that holds an error is judged as a 400.
int JudgedStatus(const ErrorAnswer& answer) {
  return answer.status / 100 == 2 && answer.code.has_value() ? 400 : answer.status;
}

}  // namespace

bool RefusesAuthentication(const ErrorAnswer& answer) {
  const int status = JudgedStatus(answer);
  if (status / 100 != 4 || status == 429) return false;
  return answer.code == "invalid_client" || answer.code == "incorrect_client_credentials" ||
         (status == 401 && answer.code == "unauthorized_client");
}

ExchangeOutcome ClassifyError(const ErrorAnswer& answer,
                              const std::vector<std::string>& dead_grant_errors) {
  const int status = JudgedStatus(answer);
  const std::optional<Meaning> meaning = MeaningOf(answer.code, dead_grant_errors);
  std::string detail = Detail(answer, meaning.has_value());
  const auto in_doubt = [&](Reason reason) {
    return InDoubt{reason, std::move(detail), answer.retry_after};
  };
  const auto unspent = [&](Reason reason) {
    return Unspent{reason, std::move(detail), answer.retry_after};
  };

  if (status / 100 != 4) return in_doubt(DoubtfulReason(status));
  if (meaning == Meaning::kDead) return GrantDead{std::move(detail)};
  if (status == 429) return unspent(Reason::kProviderThrottled);
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
