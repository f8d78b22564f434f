#include "server/authz/access_policy.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/authz/caller_identity.h"
#include "server/base/absl_view.h"

namespace token_service::authz {

bool Rights::MayUse(std::string_view credential) const {
  if (all_credentials || credentials.contains(AbslView(credential))) return true;
  return std::any_of(prefixes.begin(), prefixes.end(), [credential](const std::string& prefix) {
    return credential.starts_with(prefix);
  });
}

bool Rights::UsesNothing() const {
  return !all_credentials && credentials.empty() && prefixes.empty();
}

std::optional<std::string> Rights::OnlyCredential() const {
  if (all_credentials || !prefixes.empty() || credentials.size() != 1) return std::nullopt;
  return *credentials.begin();
}

bool Rights::MayKnowOf(std::string_view credential) const {
  return all_credentials || (operating != Operating::kNothing && MayUse(credential));
}

absl::Status CheckEntryIdentity(std::string_view identity) {
  const bool below = identity.ends_with("/*");
  if (below) identity.remove_suffix(1);
  if (identity.empty() || identity == "/" || identity.find('*') != std::string_view::npos) {
    return absl::InvalidArgumentError(
        "an identity is a name, or a path that ends in \"/*\"; \"*\" means nothing elsewhere");
  }
  if (below && identity.ends_with('/')) identity.remove_suffix(1);
  if (!IsKnownForm(identity, below)) {
    return absl::InvalidArgumentError(
        "no caller can have this identity: expected spiffe://DOMAIN/PATH, a DNS name, a common "
        "name "
        "(without \":\"), \"anonymous\", unix:PATH or unix:PATH?uid=N");
  }
  return absl::OkStatus();
}

AccessPolicy AccessPolicy::AllowWithoutTls(std::shared_ptr<CallLimiter> limiter) {
  AccessPolicy policy;
  policy.without_tls_ = Rights{.all_credentials = true,
                               .credentials = {},
                               .operating = Operating::kChanging,
                               .limiter = std::move(limiter)};
  return policy;
}

absl::StatusOr<AccessPolicy> AccessPolicy::Create(std::vector<Entry> entries) {
  AccessPolicy policy;
  for (Entry& entry : entries) {
    std::string& identity = entry.identity;
    if (absl::Status status = CheckEntryIdentity(identity); !status.ok()) return status;
    const bool below = identity.ends_with("/*");
    if (below) identity.pop_back();
    const std::optional<SocketIdentity> socket = ParseSocketIdentity(identity);
    policy.names_users_ |= socket.has_value() && socket->uid.has_value();
    auto& kind = below ? policy.below_ : policy.exact_;
    if (!kind.emplace(identity, std::move(entry.rights)).second) {
      return absl::InvalidArgumentError(absl::StrCat("the identity ", identity, " is named twice"));
    }
  }
  return policy;
}

bool AccessPolicy::Names(std::string_view identity) const {
  return exact_.contains(AbslView(identity));
}

const Rights* AccessPolicy::RightsOf(std::string_view identity) const {
  if (without_tls_.has_value()) return IsWithoutTls(identity) ? &*without_tls_ : nullptr;
  if (const auto exact = exact_.find(AbslView(identity)); exact != exact_.end())
    return &exact->second;
  if (identity.starts_with(kUnixPrefix)) {
    // A user that no entry names is anybody on its socket.
    const size_t user = identity.rfind(kUidSuffix);
    if (user != std::string_view::npos) return RightsOf(identity.substr(0, user));
  }
  for (size_t slash = identity.rfind('/'); slash != std::string_view::npos && slash > 0;
       slash = identity.rfind('/', slash - 1)) {
    const auto below = below_.find(AbslView(identity.substr(0, slash + 1)));
    if (below != below_.end()) return &below->second;
  }
  return nullptr;
}

}  // namespace token_service::authz
