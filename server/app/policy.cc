#include "server/app/policy.h"

#include <utility>
#include <vector>

namespace token_service::app {

absl::StatusOr<authz::AccessPolicy> PolicyOf(const ServerConfig& config) {
  if (!config.callers.has_value()) return authz::AccessPolicy::AllowWithoutTls();
  std::vector<authz::AccessPolicy::Entry> entries;
  for (const Caller& caller : *config.callers) {
    authz::Rights rights{.all_credentials = caller.all_credentials,
                         .is_operator = caller.is_operator};
    rights.credentials.insert(caller.credentials.begin(), caller.credentials.end());
    entries.push_back({.identity = caller.identity, .rights = std::move(rights)});
  }
  return authz::AccessPolicy::Create(std::move(entries));
}

}  // namespace token_service::app
