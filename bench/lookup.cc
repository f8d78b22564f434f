// bench-lookup: looks cached tokens up for a while, a thousand hot ones (or all, when there are
// fewer) among so many that are known, and prints one line of JSON. `bench/lookups` counts the
// instructions of LookUp under callgrind.

#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "bench/hot_credentials.h"
#include "bench/idle_broker.h"

namespace token_service::bench {

// What is measured. Not inlined and with C's linkage, so that callgrind can be told its name.
// False: something was not there.
extern "C" __attribute__((noinline)) bool LookUp(broker::TokenIssuer& issuer,
                                                 const std::vector<broker::TokenRequest>& requests,
                                                 int lookups) {
  size_t next = 0;
  for (int i = 0; i < lookups; ++i) {
    const std::optional<broker::TokenAnswer> answer = issuer.TryGet(requests[next]);
    if (!answer || !std::holds_alternative<broker::AccessTokenPtr>(*answer)) return false;
    if (++next == requests.size()) next = 0;
  }
  return true;
}

namespace {

// Of this thread: other work on the machine does not count.
int64_t CpuNanoseconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return absl::ToInt64Nanoseconds(absl::DurationFromTimespec(time));
}

int Main(int known, int lookups) {
  HotCredentials credentials(known);
  IdleBroker broker(credentials.cache);
  std::vector<broker::TokenRequest> requests;
  for (const std::string& name : credentials.names) requests.push_back({.credential = name});
  const int64_t start_ns = CpuNanoseconds();
  if (!LookUp(broker.issuer(), requests, lookups)) {
    std::fputs("bench-lookup: a token is missing\n", stderr);
    return 1;
  }
  absl::PrintF("{\"known\": %d, \"hot\": %d, \"cpu_ns\": %.1f}\n", known, requests.size(),
               static_cast<double>(CpuNanoseconds() - start_ns) / lookups);
  std::fflush(stdout);
  // A million are not worth taking apart.
  _Exit(0);
}

}  // namespace
}  // namespace token_service::bench

int main(int argc, char** argv) {
  const int known = argc > 1 ? std::atoi(argv[1]) : 1'000'000;
  const int lookups = argc > 2 ? std::atoi(argv[2]) : 1'000'000;
  if (argc > 3 || known < 1 || lookups < 1) {
    std::fputs("usage: bench-lookup [KNOWN [LOOKUPS]]\n", stderr);
    return 2;
  }
  return token_service::bench::Main(known, lookups);
}
