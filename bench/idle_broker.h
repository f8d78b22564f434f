#pragma once

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/base/thread_timer_queue.h"
#include "server/base/worker_pool.h"
#include "server/broker/refresh_scheduler.h"
#include "server/broker/refresher.h"
#include "server/broker/token_issuer.h"

namespace token_service::bench {

// A TokenIssuer over a given cache, put together as the server does, with no provider and no store
// to ask: what is in the cache is all there is.
class IdleBroker {
 public:
  explicit IdleBroker(broker::TokenCache& cache)
      : refresher_({.holder = "bench"}, store_, endpoint_, SystemClock()),
        scheduler_({}, refresher_, cache, workers_, timers_, SystemClock()),
        issuer_({}, cache, scheduler_, timers_, SystemClock()) {
    scheduler_.AddListener(&issuer_);
  }

  broker::TokenIssuer& issuer() { return issuer_; }
  broker::RefreshScheduler& scheduler() { return scheduler_; }

 private:
  class NoStore final : public broker::RotationStore {
   public:
    bool shared() const override { return false; }
    absl::StatusOr<broker::BeginOutcome> Begin(const broker::BeginRequest&) override {
      return absl::UnavailableError("no store");
    }
    absl::StatusOr<broker::CommitOutcome> Commit(const broker::Rotation&) override {
      return absl::UnavailableError("no store");
    }
    absl::Status Conclude(const broker::Conclusion&) override { return absl::OkStatus(); }
    absl::Status Quarantine(const broker::Evidence&) override { return absl::OkStatus(); }
    absl::StatusOr<std::vector<broker::Evidence>> ListEvidence(std::string_view) override {
      return absl::UnavailableError("no store");
    }
    absl::Status SendCandidate(std::string_view, std::string_view, const Secret&) override {
      return absl::OkStatus();
    }
    absl::Status MarkEvidence(std::string_view, std::string_view, broker::EvidenceMark) override {
      return absl::UnavailableError("no store");
    }
  };

  class NoEndpoint final : public broker::TokenEndpoint {
   public:
    broker::ExchangeOutcome Exchange(const broker::CredentialSettings&, const broker::Presented&,
                                     MonotonicTime) override {
      return broker::Unspent{.reason = broker::Reason::kProviderUnavailable};
    }
  };

  NoStore store_;
  NoEndpoint endpoint_;
  WorkerPool workers_{1};
  ThreadTimerQueue timers_;
  broker::Refresher refresher_;
  broker::RefreshScheduler scheduler_;
  broker::TokenIssuer issuer_;
};

}  // namespace token_service::bench
