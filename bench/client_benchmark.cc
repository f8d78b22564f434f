// bench-client: what asking a TokenSource costs on every outgoing request, beside the two ways one
// would write it oneself: a copy of a shared pointer under a mutex, and std::atomic<shared_ptr>.
// Each read looks at the header's value, as a caller does.

#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/core/clock.h"
#include "client/core/token_transport.h"
#include "token_service/token_source.h"

namespace token_service::client {
namespace {

std::shared_ptr<const AccessToken> SomeToken() {
  // As long as the Ticket API's.
  return AccessToken::Create(std::string(313, 'x'), {.token_type = "Bearer",
                                                     .credential = "default",
                                                     .scope = "",
                                                     .generation = 1,
                                                     .expire_time = absl::UnixEpoch()});
}

// Brings one token at once, and no other.
class OneToken final : public TokenTransport {
 public:
  void Attach(TransportSink& sink) override { sink_ = &sink; }
  void StartWatch(CallId call) override {
    sink_->OnToken(call, {.token = SomeToken(), .expires_in = absl::Hours(1)});
  }
  void StartGet(CallId, uint64_t, absl::Duration) override {}
  void Cancel(CallId) override {}
  void Shutdown() override {}

 private:
  TransportSink* sink_ = nullptr;
};

class UnderMutex {
 public:
  std::shared_ptr<const AccessToken> Current() const {
    absl::MutexLock lock(&mutex_);
    return token_;
  }

 private:
  mutable absl::Mutex mutex_;
  std::shared_ptr<const AccessToken> token_ ABSL_GUARDED_BY(mutex_) = SomeToken();
};

void BM_Mutex(benchmark::State& state) {
  static const UnderMutex holder;
  for (auto _ : state) {
    const auto token = holder.Current();
    benchmark::DoNotOptimize(token->RevealAuthorization().data());
  }
}

void BM_AtomicSharedPtr(benchmark::State& state) {
  static const std::atomic<std::shared_ptr<const AccessToken>> holder(SomeToken());
  for (auto _ : state) {
    const auto token = holder.load();
    benchmark::DoNotOptimize(token->RevealAuthorization().data());
  }
}

void BM_TokenSource(benchmark::State& state) {
  static const auto source = [] {
    auto opened = std::make_unique<TokenSource>(std::make_unique<OneToken>(), TokenSourceOptions{},
                                                BootClock());
    if (!opened->Get(absl::Seconds(10)).ok()) abort();
    return opened;
  }();
  for (auto _ : state) {
    const TokenOrError token = source->Current();
    benchmark::DoNotOptimize(token->RevealAuthorization().data());
  }
}

BENCHMARK(BM_Mutex)->ThreadRange(1, 8);
BENCHMARK(BM_AtomicSharedPtr)->ThreadRange(1, 8);
BENCHMARK(BM_TokenSource)->ThreadRange(1, 8);

}  // namespace
}  // namespace token_service::client

BENCHMARK_MAIN();
