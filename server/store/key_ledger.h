#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/store/keyring.h"

namespace token_service::store {

// What is stored under one key.
struct KeyNeed {
  int64_t values = 0;       // Sealed values of both.
  int64_t credentials = 0;  // That have such values.
  int64_t evidence = 0;     // Quarantined answers.
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
};

}  // namespace token_service::store
