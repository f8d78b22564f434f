// bench-broker: what the broker itself costs per call, without gRPC. `allocations` is per call, of
// the reading threads; `publishes` says that the writer was not idle meanwhile.

#include <benchmark/benchmark.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/counted_new.h"
#include "bench/hot_credentials.h"
#include "bench/idle_broker.h"
#include "server/base/clock.h"

namespace token_service::bench {
namespace {

using broker::AccessTokenPtr;
using broker::TokenCache;
using broker::TokenIssuer;
using broker::TokenRequest;

// What the threads of one benchmark share: made before they start.
std::unique_ptr<HotCredentials> credentials;
std::unique_ptr<IdleBroker> idle_broker;
std::unique_ptr<Publisher> publisher;

void SetUp(const benchmark::State& state) {
  // Kept from one benchmark to the next: a million take a while.
  static int64_t known = 0;
  if (known == state.range(0)) return;
  known = state.range(0);
  idle_broker.reset();
  credentials.reset();
  credentials = std::make_unique<HotCredentials>(static_cast<int>(known));
  idle_broker = std::make_unique<IdleBroker>(credentials->cache);
}

void SetUpWithPublisher(const benchmark::State& state) {
  SetUp(state);
  publisher = std::make_unique<Publisher>(*credentials);
}

void StopPublisher(const benchmark::State&) { publisher.reset(); }

// Calls read(i) for one hot credential after another, each thread from a place of its own.
template <typename Read>
void ReadInTurn(benchmark::State& state, Read read) {
  const size_t hot = credentials->names.size();
  size_t next =
      static_cast<size_t>(state.thread_index()) * hot / static_cast<size_t>(state.threads());
  const uint64_t before = AllocationsOfThisThread();
  for (auto _ : state) {
    if (!read(next)) state.SkipWithError("no token");
    if (++next == hot) next = 0;
  }
  state.counters["allocations"] = benchmark::Counter(
      static_cast<double>(AllocationsOfThisThread() - before), benchmark::Counter::kAvgIterations);
  if (publisher != nullptr && state.thread_index() == 0) {
    state.counters["publishes"] = static_cast<double>(publisher->published());
  }
}

void CacheFind(benchmark::State& state) {
  const MonotonicTime now = SystemClock().Now();
  ReadInTurn(state, [now](size_t i) {
    const std::optional<TokenCache::Found> found =
        credentials->cache.Find(credentials->names[i], now);
    benchmark::DoNotOptimize(found);
    return found && found->token != nullptr;
  });
}

// All threads want the same token: its reference count is what they share.
void CacheFindOne(benchmark::State& state) {
  const MonotonicTime now = SystemClock().Now();
  ReadInTurn(state, [now](size_t) {
    const std::optional<TokenCache::Found> found =
        credentials->cache.Find(credentials->names[0], now);
    benchmark::DoNotOptimize(found);
    return found && found->token != nullptr;
  });
}

void IssuerTryGet(benchmark::State& state) {
  std::vector<TokenRequest> requests;
  for (const std::string& name : credentials->names) requests.push_back({.credential = name});
  ReadInTurn(state, [&](size_t i) {
    const std::optional<broker::TokenAnswer> answer = idle_broker->issuer().TryGet(requests[i]);
    benchmark::DoNotOptimize(answer);
    return answer && std::holds_alternative<AccessTokenPtr>(*answer);
  });
}

void Sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("known")->Setup(SetUp)->Arg(10)->Arg(10'000)->Arg(1'000'000);
}

void Threads(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("known")->Setup(SetUp)->Arg(1'000)->ThreadRange(1, 4);
}

void ThreadsAndPublisher(benchmark::internal::Benchmark* benchmark) {
  Threads(benchmark);
  benchmark->Setup(SetUpWithPublisher)->Teardown(StopPublisher);
}

BENCHMARK(CacheFind)->Name("CacheFind")->Apply(Sizes);
BENCHMARK(CacheFind)->Name("CacheFind/shared")->Apply(Threads);
BENCHMARK(CacheFind)->Name("CacheFind/publishing")->Apply(ThreadsAndPublisher);
BENCHMARK(CacheFindOne)->Name("CacheFind/one_token")->Apply(Threads);
BENCHMARK(IssuerTryGet)->Name("IssuerTryGet/shared")->Apply(Threads);
BENCHMARK(IssuerTryGet)->Name("IssuerTryGet/publishing")->Apply(ThreadsAndPublisher);

}  // namespace
}  // namespace token_service::bench

BENCHMARK_MAIN();
