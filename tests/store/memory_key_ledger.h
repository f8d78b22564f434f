#pragma once

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/broker/credential_store.h"
#include "server/store/key_ledger.h"
#include "server/store/sealed_pair.h"
#include "server/store/sealer.h"

namespace token_service::testing {

// The ledger of a store that has none. Knows of credentials only.
class MemoryKeyLedger final : public store::KeyLedger {
 public:
  explicit MemoryKeyLedger(broker::CredentialStore& rows) : rows_(rows) {}

  absl::Status CheckLoaded(const std::vector<store::KeyFact>& loaded) override {
    store::KeyNeeds needs;
    absl::Status status = rows_.ForEach([&needs](broker::CredentialRecord record) {
      std::set<std::string_view> ids;
      for (const std::string_view sealed :
           {store::SplitPair(record.refresh_token.Reveal()).grant,
            store::SplitPair(record.seed.Reveal()).seed, record.profile.client_secret.Reveal(),
            record.token.has_value() ? record.token->value.Reveal() : std::string_view()}) {
        if (const auto id = store::Sealer::KeyId(sealed); !id.empty()) ids.insert(id);
      }
      for (const std::string_view id : ids) ++needs[std::string(id)].credentials;
    });
    if (status.ok()) status = store::CheckKeys(needs, recorded_, loaded);
    if (after_check) std::exchange(after_check, nullptr)();
    return status;
  }

  absl::Status RecordLoaded(const std::vector<store::KeyFact>& loaded) override {
    if (!next_failure.ok()) return std::exchange(next_failure, absl::OkStatus());
    absl::Status status = CheckLoaded(loaded);
    if (status.ok()) recorded_ = loaded;
    return status;
  }

  absl::StatusOr<Secret> ReadHashKey() override { return hash_key_.Copy(); }

  // What is there already is remembered when it is first sent.
  absl::Status BeginTokenMemory(const Secret& sealed_key,
                                absl::Span<const store::RememberedToken>) override {
    hash_key_ = sealed_key.Copy();
    return absl::OkStatus();
  }

  absl::StatusOr<broker::TokenKnowledge> LookUpHash(std::string_view name, std::string_view hash,
                                                    bool from_file) override {
    return rows_.LookUp(name, Secret(hash), from_file);
  }

  const std::vector<store::KeyFact>& recorded() const { return recorded_; }

  absl::Status next_failure;          // Of RecordLoaded, once.
  std::function<void()> after_check;  // Once.

 private:
  broker::CredentialStore& rows_;
  std::vector<store::KeyFact> recorded_;
  Secret hash_key_;
};

}  // namespace token_service::testing
