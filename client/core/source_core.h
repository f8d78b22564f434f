#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/synchronization/mutex.h"
#include "client/core/alarm.h"
#include "client/core/clock.h"
#include "client/core/snapshot_cell.h"
#include "client/core/token_keeper.h"
#include "client/core/token_transport.h"
#include "token_service/token_source.h"

namespace token_service::client {

// TokenSource without its way to the server: the keeper, the thread that it lives on, the mail that
// others leave for it, and the cell that everybody reads.
class SourceCore final : public TransportSink {
 public:
  SourceCore(std::unique_ptr<TokenTransport> transport,
             std::function<void(const TokenOrError&)> on_change, const Clock& clock,
             const KeeperPolicy& policy = {});
  ~SourceCore() override;

  TokenOrError Current() const { return cell_.Read(); }
  bool InChild() const { return cell_.InChild(); }

  void Rejected(uint64_t generation);
  // Waits for a token of another generation than this; 0: for any.
  TokenOrError Wait(uint64_t rejected_generation, absl::Duration timeout);

  void OnToken(CallId call, TokenAnswer answer) override;
  void OnEnd(CallId call, TokenError error) override;

  // Sooner than the clock calls for it; for tests with a clock of their own.
  void Poke() { alarm_.Ring(); }

 private:
  struct Came {
    CallId call;
    std::variant<TokenAnswer, TokenError> what;
    Moment at;
  };
  struct Reject {
    uint64_t generation;
  };
  using Mail = std::variant<Came, Reject, TokenKeeper::Waiter>;

  void Post(Mail mail) ABSL_LOCKS_EXCLUDED(mutex_);
  void Run();
  // False: it is time to end.
  bool ReadMail();
  void TellNews();

  const std::function<void(const TokenOrError&)> on_change_;
  const Clock& clock_;
  const std::unique_ptr<TokenTransport> transport_;
  SnapshotCell cell_;
  Alarm alarm_;
  absl::BitGen random_;  // The thread's own, as are the next two.
  TokenKeeper keeper_;
  bool news_ = false;
  absl::Mutex mutex_;
  std::vector<Mail> mail_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  int inside_ ABSL_GUARDED_BY(mutex_) = 0;  // Threads in Wait.
  std::thread thread_;
};

}  // namespace token_service::client
