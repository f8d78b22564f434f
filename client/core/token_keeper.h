#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <variant>
#include <vector>

#include "absl/random/bit_gen_ref.h"
#include "absl/time/time.h"
#include "client/core/backoff.h"
#include "client/core/clock.h"
#include "client/core/snapshot_cell.h"
#include "client/core/token_transport.h"

namespace token_service::client {

struct KeeperPolicy {
  BackoffPolicy backoff = {};
  // A stream that has brought nothing for so long is not waited for any longer: the token is asked
  // for beside it, and if that works the stream is given up.
  absl::Duration patience = absl::Seconds(5);
  // A stream that lived so long was a good one.
  absl::Duration steady = absl::Seconds(30);
  // Before another try where the server or a proxy knows no streams.
  absl::Duration unimplemented = absl::Minutes(5);
  // Of one GetAccessToken. The server may have to wait for the provider.
  absl::Duration call_timeout = absl::Seconds(40);
  // Ahead of its expiry a token is asked for when none was pushed: this long, at most a tenth of
  // its life, drawn within ± ahead_jitter of that once for each token: the clients of one
  // credential have all got it at the same moment.
  absl::Duration ahead = absl::Seconds(60);
  double ahead_jitter = 0.25;
  // What is heard so soon after this process stood still may have waited for it.
  absl::Duration aftermath = absl::Seconds(5);
};

// Decides: when to watch, when to ask, what is served, who has waited long enough. Knows neither
// threads nor clocks: one thread calls it, and tells it the time. The methods that begin with On,
// Reject and Wait note what happened; Proceed acts on it.
class TokenKeeper {
 public:
  // `news`: not the same as before (a token again, or another code or reason).
  using Publish = std::function<void(Snapshot snapshot, bool news)>;

  struct Waiter {
    uint64_t rejected_generation = 0;  // A token of another generation is wanted. 0: any.
    Moment deadline;
    // Nullopt: there is a token. Called by Proceed or Close, once.
    std::function<void(std::optional<TokenError>)> done;
  };

  TokenKeeper(TokenTransport& transport, absl::BitGenRef random, Publish publish,
              const KeeperPolicy& policy = {});

  void OnToken(CallId call, TokenAnswer answer, Moment now);
  void OnEnd(CallId call, TokenError error, Moment now);
  void Reject(uint64_t generation, Moment now);
  void Wait(Waiter waiter);
  // This process stood still from `from` to `now` (SIGSTOP, a debugger, a machine that slept). An
  // answer that waited meanwhile says what was left of its token when it was sent, so that is
  // counted from the earliest moment it can have been sent at; and the token is asked for anew.
  void OnGap(Moment from, Moment now);

  // Does what is due, and returns when to call again at the latest.
  Moment Proceed(Moment now);

  // Everybody who waits gets this.
  void Close(const TokenError& error);

 private:
  // The stream is to be opened (again) at that moment.
  struct Down {
    Moment retry_at;
    bool refused = false;  // The server itself said no.
  };
  struct Up {
    CallId call;
    Moment since;
    uint64_t seen = 0;                             // Generation of its last token. 0: none yet.
    Moment overdue_at = absl::InfiniteDuration();  // Known to have missed a token.
  };
  struct Ask {
    CallId call;
    uint64_t rejected_generation;
    Moment since;
  };
  struct Gap {
    Moment from;
    Moment until;
  };
  struct Held {
    std::shared_ptr<const AccessToken> token;
    Moment expires_at;
    Moment ask_at;
  };
  // What callers reported, and what came of it.
  struct Rejection {
    uint64_t generation;
    bool pending = true;  // To be reported, or on its way.
    Moment not_before = absl::ZeroDuration();
    TokenError error = {};  // When not pending.
  };

  void Expire(Moment now);
  void DriveWatch(Moment now);
  void DriveAsk(Moment now);
  void StartAsk(uint64_t rejected_generation, Moment now);
  void AnswerWaiters(Moment now);

  void OnWatchToken(Up& up, TokenAnswer answer, Moment now);
  void OnAskToken(const Ask& ask, TokenAnswer answer, Moment now);
  void OnWatchEnd(TokenError error, Moment now);
  void OnAskEnd(const Ask& ask, TokenError error, Moment now);

  bool Accept(TokenAnswer answer, Moment since, Moment now);
  // The earliest moment at which what comes now can have been sent, to a call that began at
  // `since`.
  Moment SentAfter(Moment since, Moment now) const;
  void Fail(TokenError error, Moment now);
  void Drop();
  void PublishError(const TokenError& error);
  // Nullopt: let it wait.
  std::optional<std::optional<TokenError>> Outcome(const Waiter& waiter, Moment now) const;
  void WakeAt(Moment moment);
  absl::Duration Delay(int failures, const TokenError& error);

  TokenTransport& transport_;
  absl::BitGenRef random_;
  const Publish publish_;
  const KeeperPolicy policy_;

  CallId last_call_ = 0;
  std::variant<Down, Up> watch_ = Down{.retry_at = absl::ZeroDuration()};
  int watch_failures_ = 0;
  std::optional<Ask> ask_;
  int ask_failures_ = 0;
  Moment next_ask_ = absl::ZeroDuration();
  std::optional<Held> held_;
  std::optional<Gap> gap_;                // The last.
  std::optional<TokenError> last_error_;  // Of the server or the way to it; none since a token.
  std::optional<TokenError> published_error_;  // What readers see instead of a token.
  std::optional<Rejection> rejection_;
  std::vector<Waiter> waiters_;
  Moment wake_;
};

}  // namespace token_service::client
