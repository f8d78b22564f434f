#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/synchronization/mutex.h"
#include "server/base/clock.h"
#include "server/broker/candidates.h"
#include "server/broker/credential.h"
#include "server/broker/credential_store.h"
#include "server/broker/evidence_reader.h"
#include "server/broker/refresh_result.h"
#include "server/broker/token_endpoint.h"

namespace token_service::broker {

// One refresh, a straight line of calls: begin → exchange → commit
// (docs/adr/0001-rotation.md). Whoever calls publishes what it returns.
// Called from refresh workers, never twice at once for one credential.
class Refresher {
 public:
  struct Options {
    std::string holder;  // This process, among all that share the store.
    // Longer than an exchange can take.
    absl::Duration lease = absl::Seconds(60);
    // How long after its beginning an attempt may still be sent, the time to connect included. With
    // an exchange's longest time less than the lease: past it another holder may have used the
    // refresh token.
    absl::Duration send_within = absl::Seconds(10);
    // No exchange takes longer, unless this process was stopped or the machine slept meanwhile: a
    // loss counts as noticed when it would have been then.
    absl::Duration longest_exchange = absl::Seconds(35);
    // Finds a refresh token in what was kept; outlives the Refresher. Null: nobody looks.
    const EvidenceReader* reader = nullptr;
  };

  Refresher(Options options, RotationStore& store, TokenEndpoint& endpoint, const Clock& clock);

  struct Order {
    absl::Time create_time;   // Which credential of this name is meant.
    uint64_t generation = 0;  // The one known to be current.
    bool take_over = false;   // Even if another holder's attempt is live.
    // The caller has weighed that the refresh token may be consumed already. Otherwise doubt found
    // on record is reported instead of acted on.
    bool doubt_weighed = false;
    // That holds until then: what has not left by then does not leave (ReplayDeadline).
    MonotonicTime send_before = MonotonicTime::Never();
    // This process has seen the refresh token replaced, be it on record or not.
    bool rotates = false;
    // An operator insists: the refresh token is sent though its grant is dead or evidence stands.
    bool even_if_rejected = false;
  };
  // A client secret that the provider refuses ends its attempt; the next one, if there is one, has
  // another: one POST an attempt.
  RefreshResult Refresh(const CredentialSettings& settings, const Order& order);

  // Tries again to store an answer. Refreshed or RefreshFailed (kInDoubt for evidence, kDead for a
  // conclusion) when it is down at last.
  RefreshResult Persist(Unpersisted pending);

  // RotationStore::shared.
  bool shares_store() const { return store_.shared(); }

  // Answers that are in memory only. Counted before anybody sees what came with them. Any thread.
  int unpersisted() const { return unpersisted_.load(); }

 private:
  struct Flight;

  // The candidate of a flight was refused.
  RefreshResult SettleRefused(Flight& flight, GrantDead dead);
  RefreshResult RefreshOnce(const CredentialSettings& settings, const Order& order);
  RefreshResult Settle(const Flight& flight, Granted granted);
  RefreshResult Settle(const Flight& flight, const Extended& extended);
  RefreshResult Settle(const Flight& flight, Unspent unspent);
  RefreshResult Settle(const Flight& flight, GrantDead dead);
  RefreshResult Settle(const Flight& flight, ClientRefused refused);
  RefreshResult Settle(const Flight& flight, InDoubt in_doubt);
  RefreshResult Settle(const Flight& flight, Malformed malformed);
  RefreshResult Settle(const Flight& flight, TooLate);

  RefreshResult Commit(Unpersisted pending);
  Unpersisted EvidenceOf(const Flight& flight, KeptAnswer answer, const std::string& detail) const;
  // Since when the refresh token is in doubt: by an earlier attempt, else by this one's loss.
  MonotonicTime Doubt(const Flight& flight) const;
  // Stores evidence; a result when that cannot be done (now).
  std::optional<RefreshResult> Keep(Unpersisted& pending);
  RefreshResult Quarantine(Unpersisted pending);
  RefreshResult Adopt(const CredentialRecord& record, const TokenTiming& timing);
  // Records that the attempt brought no token.
  RefreshResult Conclude(const Flight& flight, RefreshFailed failed);
  // The same, once what came beside the error is kept; empty: nothing did.
  RefreshResult Conclude(const Flight& flight, RefreshFailed failed, KeptAnswer evidence);
  // The end of a dead grant's attempt that the store has not taken yet.
  RefreshResult ConcludeLate(Unpersisted pending);
  // Pins what could not be stored.
  void Pin(Unpersisted& pending);
  std::string NewAttemptId();

  const Options options_;
  RotationStore& store_;
  TokenEndpoint& endpoint_;
  const Clock& clock_;
  Candidates candidates_;
  std::atomic<int> unpersisted_ = 0;
  absl::Mutex random_mutex_;
  absl::BitGen random_ ABSL_GUARDED_BY(random_mutex_);
};

}  // namespace token_service::broker
