#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "server/base/clock.h"
#include "server/base/executor.h"
#include "server/broker/credential_input.h"
#include "server/broker/credential_status.h"
#include "server/broker/credential_store.h"
#include "server/broker/evidence_reader.h"
#include "server/broker/reason.h"
#include "server/broker/refresh_scheduler.h"
#include "server/broker/settings_source.h"

namespace token_service::broker {

// What operators do to credentials while the server runs: each change is stored, then taken up by
// the scheduler. Any thread may call; nothing here blocks. A callback is called once, on any
// thread, without locks held, perhaps before the method returns.
class CredentialRegistry {
 public:
  using Outcome = std::variant<CredentialStatus, Refusal>;
  using Done = absl::AnyInvocable<void(Outcome)>;
  using Deleted = absl::AnyInvocable<void(std::optional<Refusal>)>;
  // A kept answer, as operators see it: never its body.
  struct EvidenceView {
    Evidence evidence;  // Its body is left out,
    size_t size = 0;    // and was so long.
    std::vector<EvidenceMember> members;
  };
  using EvidenceOutcome = std::variant<std::vector<EvidenceView>, Refusal>;
  using EvidenceDone = absl::AnyInvocable<void(EvidenceOutcome)>;

  // `executor` runs one task at a time, in order, and may block: that is what keeps the changes of
  // one credential in the same order in the store and in the scheduler.
  CredentialRegistry(CredentialStore& store, RefreshScheduler& scheduler,
                     const SettingsSource& settings, Executor& executor, const Clock& clock);

  // Starts the first exchange without waiting for it. Where a credential of that name was deleted
  // while it was being refreshed, waits for that to land.
  void Create(NewCredential wanted, Done done);
  // kManagedByConfig for a declared credential.
  void Update(std::string name, ProfileChange change, Done done);
  // A new grant, dead, held or not: starts to exchange it.
  void ReplaceRefreshToken(std::string name, Secret refresh_token, Done done);
  // Ends a hold, declared or not: what the store has is exchanged when it is due.
  void Release(std::string name, Done done);
  // kManagedByConfig for a declared credential.
  void Delete(std::string name, Deleted done);

  // Before the first call about evidence; outlives this.
  void ReadEvidenceWith(const EvidenceReader* reader) { reader_ = reader; }
  // What is kept, the oldest first.
  void ListEvidence(std::string name, EvidenceDone done);
  // The refresh token at a place in a kept answer is the grant from now on: as ReplaceRefreshToken.
  // `access_token_path`, if not empty, has to be the place of a token too: whoever names both has
  // looked twice.
  struct Adoption {
    std::string name;
    std::string evidence_id;
    std::string refresh_token_path;
    std::string access_token_path;
  };
  void AdoptEvidence(Adoption adoption, Done done);
  void DiscardEvidence(std::string name, std::string evidence_id, Deleted done);

  std::optional<CredentialStatus> Get(std::string_view name) const;
  // As RefreshScheduler::List.
  std::vector<CredentialStatus> List(std::string_view after, size_t most) const;

  // ---- When what is declared has changed: on the executor, in one task with the change.

  // Whether a credential of this name was deleted and is still in the air.
  bool Departing(std::string_view name) const;
  // Brings the scheduler in line with what is stored and declared: serves what is new or declared
  // again, hands on settings that changed, disables what is declared no more. Calls `progress` for
  // each.
  void TakeUp(
      const std::vector<CredentialRecord>& stored, absl::FunctionRef<void()> progress = [] {});

  // Refuses creations that still wait for a flight to land.
  void RefuseWaiting();

 private:
  struct Creation {
    NewCredential wanted;
    Done done;
  };

  // On the executor:
  void CreateNow(Creation creation);
  Outcome Store(NewCredential wanted);
  Outcome UpdateNow(const std::string& name, const ProfileChange& change);
  Outcome ReplaceNow(const std::string& name, const Secret& refresh_token);
  Outcome ReleaseNow(const std::string& name);
  EvidenceOutcome ListEvidenceNow(const std::string& name);
  Outcome AdoptNow(const Adoption& adoption);
  std::optional<Refusal> DiscardNow(const std::string& name, const std::string& evidence_id);
  std::optional<Refusal> DeleteNow(const std::string& name);
  void WarnIfShared(const std::string& name, const Secret& refresh_token);
  void OnLanded(const std::string& name);
  void TakeUpOne(const CredentialRecord& record);
  static bool Usable(const CredentialRecord& record);
  // As it is now, after a change.
  Outcome StatusOf(const std::string& name, std::vector<FieldChange> changes) const;
  // What is wrong with it, by itself or in this configuration.
  std::optional<Refusal> Check(const CredentialProfile& profile) const;
  // Whether secrets may be sent there.
  std::optional<Refusal> CheckOriginOf(const CredentialProfile& profile) const;
  // What is wrong with the change, or missing from it.
  std::optional<Refusal> CheckChange(const CredentialProfile& before,
                                     const CredentialProfile& after,
                                     const ProfileChange& change) const;
  // What must not be left empty; of a new one the scope, too.
  std::optional<Refusal> FillIn(CredentialProfile& profile, bool scope) const;

  CredentialStore& store_;
  RefreshScheduler& scheduler_;
  const SettingsSource& settings_;
  Executor& executor_;
  const Clock& clock_;
  const EvidenceReader* reader_ = nullptr;

  // Deleted while in flight, with the creations that wait for the name. Touched on the executor
  // only.
  absl::flat_hash_map<std::string, std::vector<Creation>> departing_;
};

}  // namespace token_service::broker
