// bench-known: what a credential that is known costs in memory: its entry with the scheduler, its
// place in the cache, its settings. Prints one line of JSON; resident memory as the kernel counts
// it, so with the allocator's waste.

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_format.h"
#include "bench/idle_broker.h"
#include "server/base/clock.h"

namespace token_service::bench {
namespace {

constexpr int kTokenBytes = 300;

size_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  size_t pages = 0;
  file >> pages >> pages;
  return pages * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

broker::CredentialSettingsPtr Settings(const std::string& name) {
  broker::CredentialSettings settings;
  settings.name = name;
  settings.purpose = "Answers the customers of " + name;
  settings.client_id = "4f2d1c9e-bench-client";
  settings.token_endpoint = "https://api.socialboards.com/token";
  settings.refresh = broker::RefreshMode::kOnDemand;
  return std::make_shared<const broker::CredentialSettings>(std::move(settings));
}

broker::CredentialRecord Record(const std::string& name, bool hot) {
  const absl::Time now = SystemClock().WallNow();
  broker::CredentialRecord record;
  record.name = name;
  record.create_time = now;
  record.generation = 1;
  record.rotates = true;
  record.last_refresh_time = now - absl::Minutes(1);
  if (hot) {
    record.token = broker::StoredToken{.value = Secret(std::string(kTokenBytes, 'x')),
                                       .token_type = "Bearer",
                                       .issued = now - absl::Minutes(1),
                                       .expires = now + absl::Hours(1)};
  }
  return record;
}

int Main(int known, int hot) {
  broker::TokenCache cache;
  IdleBroker broker(cache);
  const size_t before = ResidentBytes();
  for (int i = 0; i < known; ++i) {
    const std::string name = absl::StrFormat("credential-%07d", i);
    broker.scheduler().Add(Settings(name), Record(name, i < hot));
  }
  const size_t used = ResidentBytes() - before;
  absl::PrintF("{\"known\": %d, \"hot\": %d, \"mib\": %d, \"bytes_each\": %d}\n", known, hot,
               used >> 20, used / static_cast<size_t>(known));
  std::fflush(stdout);
  // A million are not worth taking apart.
  _exit(0);
}

}  // namespace
}  // namespace token_service::bench

int main(int argc, char** argv) {
  const int known = argc > 1 ? std::atoi(argv[1]) : 1'000'000;
  const int hot = argc > 2 ? std::atoi(argv[2]) : 1'000;
  if (argc > 3 || known < 1 || hot < 0) {
    std::fputs("usage: bench-known [KNOWN [HOT]]\n", stderr);
    return 2;
  }
  return token_service::bench::Main(known, hot);
}
