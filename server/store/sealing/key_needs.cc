#include "server/store/sealing/key_needs.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace token_service::store {
namespace {

const KeyFact* Find(const std::vector<KeyFact>& keys, std::string_view id) {
  const auto found =
      std::find_if(keys.begin(), keys.end(), [id](const KeyFact& key) { return key.id == id; });
  return found == keys.end() ? nullptr : &*found;
}

std::string Count(int64_t count, std::string_view one, std::string_view many) {
  return absl::StrCat(count, " ", std::string(count == 1 ? one : many));
}

// `2 credentials and 1 quarantined answer need`.
std::string WhoNeeds(const KeyNeed& need) {
  std::vector<std::string> who;
  if (need.credentials > 0) who.push_back(Count(need.credentials, "credential", "credentials"));
  if (need.evidence > 0) {
    who.push_back(Count(need.evidence, "quarantined answer", "quarantined answers"));
  }
  if (need.hash_keys > 0) who.push_back("the memory of spent refresh tokens");
  const bool one = need.credentials + need.evidence + need.hash_keys == 1;
  return absl::StrCat(absl::StrJoin(who, " and "), one ? " needs" : " need");
}

}  // namespace

absl::Status CheckKeys(const KeyNeeds& needs, const std::vector<KeyFact>& recorded,
                       const std::vector<KeyFact>& loaded) {
  std::vector<std::string> faults;
  for (const auto& [id, need] : needs) {
    const KeyFact* const key = Find(loaded, id);
    const KeyFact* const known = Find(recorded, id);
    if (known == nullptr && !recorded.empty()) continue;
    const bool another = key != nullptr && known != nullptr && !(*key == *known);
    if (key != nullptr && !another) continue;
    faults.push_back(absl::StrCat(another ? "has another key under the id" : "lacks key", " \"",
                                  absl::CHexEscape(id), "\", which ", WhoNeeds(need)));
  }
  if (faults.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the keyring ", absl::StrJoin(faults, ", and ")));
}

}  // namespace token_service::store
