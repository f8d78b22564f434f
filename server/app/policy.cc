#include "server/app/policy.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace token_service::app {

namespace {

std::shared_ptr<authz::CallLimiter> Limiter(const Limits& limits, std::optional<int> own_rate,
                                            std::optional<int> own_burst, bool one_identity) {
  const int rate = own_rate.value_or(limits.caller_rate);
  if (rate == 0) return nullptr;
  const int common = own_rate.has_value() || limits.caller_burst == 0 ? rate : limits.caller_burst;
  const authz::CallRate limit{.per_second = rate, .burst = own_burst.value_or(common)};
  return one_identity ? authz::CallLimiter::ForOne(limit) : authz::CallLimiter::ForMany(limit);
}

}  // namespace

absl::StatusOr<authz::AccessPolicy> PolicyOf(const ServerConfig& config) {
  const Limits& limits = config.limits;
  if (!config.callers.has_value()) {
    return authz::AccessPolicy::AllowWithoutTls(
        Limiter(limits, std::nullopt, std::nullopt, /*one_identity=*/false));
  }
  std::vector<authz::AccessPolicy::Entry> entries;
  for (const Caller& caller : *config.callers) {
    authz::Rights rights{.all_credentials = caller.all_credentials,
                         .operating = caller.operating,
                         .prefixes = caller.credential_prefixes};
    rights.limiter = Limiter(limits, caller.rate, caller.burst, !caller.identity.ends_with("/*"));
    rights.credentials.insert(caller.credentials.begin(), caller.credentials.end());
    entries.push_back({.identity = caller.identity, .rights = std::move(rights)});
  }
  return authz::AccessPolicy::Create(std::move(entries));
}

}  // namespace token_service::app
