#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/authz/call_limiter.h"

namespace token_service::authz {

// What a caller may do to the credentials that it may use, besides taking their tokens.
enum class Operating { kNothing, kReading, kChanging };

// What one caller may do.
struct Rights {
  bool all_credentials = false;
  absl::flat_hash_set<std::string> credentials;
  Operating operating = Operating::kNothing;
  std::shared_ptr<CallLimiter> limiter;    // Null: it may call as often as it likes.
  std::vector<std::string> prefixes = {};  // Every credential whose name begins with one of these.

  bool MayUse(std::string_view credential) const;
  // It may use no credential whatever.
  bool UsesNothing() const;
  // The one credential it may use, if there is exactly one by name.
  std::optional<std::string> OnlyCredential() const;
  // Whether it may learn that this credential does not exist.
  bool MayKnowOf(std::string_view credential) const;
};

// What an entry may name: an identity of a form that callers have, or a path that ends in `/*`; no
// `*` elsewhere. INVALID_ARGUMENT says what is wrong, without the text.
absl::Status CheckEntryIdentity(std::string_view identity);

// Who may use what. Immutable; any thread.
class AccessPolicy {
 public:
  struct Entry {
    std::string identity;  // Exact, or ending in `/*`: anything below that path.
    Rights rights;
  };

  // Without `callers`: whoever calls without TLS may do everything, over TLS nobody may do
  // anything.
  static AccessPolicy AllowWithoutTls(std::shared_ptr<CallLimiter> limiter = nullptr);
  // Nobody may do anything but who is named. INVALID_ARGUMENT: an identity twice, empty, or with a
  // `*` elsewhere.
  static absl::StatusOr<AccessPolicy> Create(std::vector<Entry> entries);

  // Without `callers` everybody is the same to it.
  bool tells_callers_apart() const { return !without_tls_.has_value(); }

  // Whether an entry names a user of a unix socket, and whether one names just this caller.
  bool names_users() const { return names_users_; }
  bool Names(std::string_view identity) const;

  // Null: no entry names this caller. An exact entry goes before a wildcard, a longer wildcard
  // before a shorter; a user of a socket has what the socket has, unless an entry names it.
  // Allocates nothing: a hash look-up, and one for each `/` of the identity.
  const Rights* RightsOf(std::string_view identity) const;

 private:
  AccessPolicy() = default;

  std::optional<Rights> without_tls_;
  bool names_users_ = false;
  absl::flat_hash_map<std::string, Rights> exact_;
  absl::flat_hash_map<std::string, Rights> below_;  // Keyed by the path with its last slash.
};

}  // namespace token_service::authz
