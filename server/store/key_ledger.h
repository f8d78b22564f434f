#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/base/secret.h"
#include "server/broker/credential_store.h"
#include "server/store/keyring.h"

namespace token_service::store {

// What is stored under one key.
struct KeyNeed {
  int64_t values = 0;       // Sealed values of both.
  int64_t credentials = 0;  // That have such values.
  int64_t evidence = 0;     // Quarantined answers.
  int64_t hash_keys = 0;    // The key of the refresh tokens' hashes: one or none.
};

// A refresh token by its hash.
struct RememberedToken {
  std::string credential;
  std::string hash;
  std::optional<absl::Time> spent_since;  // Absent: it is the credential's current one.
};

// By the key's id. What no Sealer made needs no key.
using KeyNeeds = std::map<std::string, KeyNeed, std::less<>>;

// OK when `loaded` has every key that is needed. Else FAILED_PRECONDITION, with each that is not
// there, or that is another than the one `recorded` under its id. Nothing is ever sealed with a key
// that is not on record: a value that names another one is damaged, and no reason to ask for a key.
// (An empty record is that of a store from before there were records.)
absl::Status CheckKeys(const KeyNeeds& needs, const std::vector<KeyFact>& recorded,
                       const std::vector<KeyFact>& loaded);

// What a store keeps about keys, in the same database as what is sealed with them, so that one
// transaction can rest on both. docs/adr/0011-rekey.md builds on this:
//
//   - a key is on record only while whoever owns the store can open with it;
//   - a key seals only while it is on record, and nothing but the first one any more once it is the
//     first;
//   - whoever else writes sealed values does so in a transaction that finds its key to be the
//   first.
//
// Any thread; blocks.
class KeyLedger {
 public:
  virtual ~KeyLedger() = default;

  // CheckKeys against what is stored now.
  virtual absl::Status CheckLoaded(const std::vector<KeyFact>& loaded) = 0;

  // CheckLoaded, and if that is OK puts `loaded` on record, in one transaction.
  virtual absl::Status RecordLoaded(const std::vector<KeyFact>& loaded) = 0;

  // The key of the refresh tokens' hashes, sealed; empty: none is stored yet.
  virtual absl::StatusOr<Secret> ReadHashKey() = 0;

  // Puts that key on record, and the tokens that were there before it, in one transaction.
  virtual absl::Status BeginTokenMemory(const Secret& sealed_key,
                                        absl::Span<const RememberedToken> tokens) = 0;

  // broker::CredentialStore::LookUp of a token that has this hash.
  virtual absl::StatusOr<broker::TokenKnowledge> LookUpHash(std::string_view name,
                                                            std::string_view hash,
                                                            bool from_file) = 0;
};

}  // namespace token_service::store
