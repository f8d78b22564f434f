#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/store/sealing/keyring.h"

namespace token_service::store {

// What is stored under one key.
struct KeyNeed {
  int64_t values = 0;       // Sealed values of both.
  int64_t credentials = 0;  // That have such values.
  int64_t evidence = 0;     // Quarantined answers.
  int64_t hash_keys = 0;    // The key of the refresh tokens' hashes: one or none.
};

// By the key's id. What no Sealer made needs no key.
using KeyNeeds = std::map<std::string, KeyNeed, std::less<>>;

// OK when `loaded` has every key that is needed. Else FAILED_PRECONDITION, with each that is not
// there, or that is another than the one `recorded` under its id. Nothing is ever sealed with a key
// that is not on record: a value that names another one is damaged, and no reason to ask for a key.
// (An empty record is that of a store from before there were records.)
absl::Status CheckKeys(const KeyNeeds& needs, const std::vector<KeyFact>& recorded,
                       const std::vector<KeyFact>& loaded);

}  // namespace token_service::store
