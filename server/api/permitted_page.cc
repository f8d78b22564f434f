#include "server/api/permitted_page.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace token_service::api {
namespace {

using broker::CredentialStatus;

// The greatest text that no name beginning with `prefix` is less than or equal to. Names are ASCII.
std::string JustBefore(std::string_view prefix) {
  std::string before(prefix);
  before.back() = static_cast<char>(before.back() - 1);
  return before + '\x7f';
}

}  // namespace

std::vector<CredentialStatus> PermittedPage(const broker::CredentialRegistry& registry,
                                            const authz::Rights& rights, std::string_view after,
                                            size_t most) {
  if (rights.all_credentials) return registry.List(after, most);
  std::map<std::string, CredentialStatus> found;
  for (const std::string& prefix : rights.prefixes) {
    const std::string from = std::max(JustBefore(prefix), std::string(after));
    for (CredentialStatus& status : registry.List(from, most)) {
      if (!status.settings->name.starts_with(prefix)) break;
      std::string name = status.settings->name;
      found.emplace(std::move(name), std::move(status));
    }
  }
  std::vector<std::string> names(rights.credentials.begin(), rights.credentials.end());
  std::sort(names.begin(), names.end());
  size_t taken = 0;
  for (auto at = std::upper_bound(names.begin(), names.end(), after);
       at != names.end() && taken < most; ++at) {
    std::optional<CredentialStatus> status = registry.Get(*at);
    if (!status.has_value()) continue;
    ++taken;
    found.emplace(*at, *std::move(status));
  }
  std::vector<CredentialStatus> page;
  for (auto& [name, status] : found) {
    if (page.size() == most) break;
    page.push_back(std::move(status));
  }
  return page;
}

}  // namespace token_service::api
