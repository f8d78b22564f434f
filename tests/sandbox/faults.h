#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace token_service::sandbox {

// What can go wrong with a token request. Each either leaves the refresh token unspent or has spent
// it.
enum class Fault {
  kNone,
  kRefuse5xxBefore,        // 503; unspent.
  kError500AfterRotating,  // 500; spent.
  kResetBefore,            // The connection is reset (RST), no answer; unspent.
  kResetAfterRotating,     // The same; spent.
  kCloseAfterRotating,     // The connection is closed in order (FIN), no answer; spent.
  kHang,                   // No answer until the client goes; unspent.
  kHangAfterRotating,      // The same; spent.
  kTruncate,               // Half of the promised body; spent.
  kGarbage,                // 200, the answer damaged so that it is no JSON; spent.
  kHtml,                   // 200 and some proxy's page; unspent.
  kThrottle,               // 429 with Retry-After; unspent.
  kEmpty,                  // 200 without a body; spent.
  kSlowBody,               // The right answer, a few bytes at a time; spent.
  kOversized,              // The right answer behind 128 KiB of white space; spent.
};

std::span<const Fault> AllFaults();
std::string_view FaultName(
    Fault fault);  // As flags and the control API spell it, e.g. "reset_before".
std::optional<Fault> ParseFault(std::string_view name);
bool SpendsRefreshToken(Fault fault);

// What happens to one request.
struct Mishap {
  Fault fault = Fault::kNone;
  absl::Duration latency = absl::ZeroDuration();      // Before anything else.
  absl::Duration retry_after = absl::ZeroDuration();  // For kThrottle.
};

// Decides request by request what goes wrong: by chance, at a fixed rate, or as ordered at run
// time. Any thread.
class FaultPlan {
 public:
  // Of all requests the share `rate` (0 to 1) suffers `usual`; the others its latency only.
  FaultPlan(Mishap usual, double rate, uint64_t seed);

  // The next `count` requests suffer `mishap` instead; -1: all from now on; 0: back to the usual.
  void Order(const Mishap& mishap, int64_t count);

  // For the request that just came in.
  Mishap Next();

  const Mishap& usual() const { return usual_; }

 private:
  const Mishap usual_;
  const double rate_;

  absl::Mutex mutex_;
  std::mt19937_64 random_ ABSL_GUARDED_BY(mutex_);
  Mishap ordered_ ABSL_GUARDED_BY(mutex_);
  int64_t left_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace token_service::sandbox
