// bench-watch: opens many watches of one credential of a token-server in another process, has it
// refreshed, and prints one line of JSON for the whole and one for each round. `bench/watch` starts
// the server and makes a table. Exit status: 0; 1 when a watcher missed a token; 2 for wrong usage.

#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "bench/watchers.h"

namespace token_service::bench {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(60);

// What another process of this machine has used. -1 without one.
int64_t ResidentBytes(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/statm"));
  int64_t pages = -1;
  file >> pages >> pages;
  return pages * sysconf(_SC_PAGESIZE);
}

absl::Duration CpuTime(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) {
    return absl::ZeroDuration();
  }
  return absl::DurationFromTimespec(time);
}

int Failed(const std::string& error) {
  absl::FPrintF(stderr, "bench-watch: %s\n", error);
  return 1;
}

int Main(int argc, char** argv) {
  // Debian builds it in; it is the client's cost, not the server's.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);

  WatchOptions options;
  pid_t server_pid = 0;
  int rounds = 10;
  CLI::App app("Watches a credential many times and prints how long a new token takes.",
               "bench-watch");
  app.add_option("--server", options.server, "host:port or unix:/path")->required();
  app.add_option("--server_pid", server_pid, "its process")->required()->check(CLI::PositiveNumber);
  app.add_option("--credential", options.credential)->required();
  app.add_option("--watchers", options.watchers)->check(CLI::Range(1, 100'000));
  app.add_option("--connections", options.connections)->check(CLI::Range(1, 10'000));
  app.add_option("--rounds", rounds, "0: only watch, until killed")->check(CLI::Range(0, 10'000));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  Watchers watchers(options);
  const int64_t before = ResidentBytes(server_pid);
  const absl::Duration cpu_before = CpuTime(server_pid);
  if (const std::string error = watchers.Open(kTimeout); !error.empty()) return Failed(error);
  absl::PrintF(
      "{\"watchers\": %d, \"connections\": %d, \"bytes_each\": %d, \"open_cpu_us_each\": %.1f}\n",
      options.watchers, options.connections,
      (ResidentBytes(server_pid) - before) / options.watchers,
      absl::ToDoubleMicroseconds(CpuTime(server_pid) - cpu_before) / options.watchers);
  std::fflush(stdout);
  if (rounds == 0) {
    while (true) pause();
  }
  for (int i = 0; i < rounds; ++i) {
    const absl::Duration cpu = CpuTime(server_pid);
    Delivery delivery;
    if (const std::string error = watchers.Rotate(kTimeout, delivery); !error.empty()) {
      return Failed(error);
    }
    absl::PrintF(
        "{\"first_ms\": %.3f, \"median_ms\": %.3f, \"last_ms\": %.3f, \"cpu_us_each\": %.2f}\n",
        absl::ToDoubleMilliseconds(delivery.first), absl::ToDoubleMilliseconds(delivery.median),
        absl::ToDoubleMilliseconds(delivery.last),
        absl::ToDoubleMicroseconds(CpuTime(server_pid) - cpu) / options.watchers);
  }
  absl::PrintF("{\"bytes_each_after\": %d}\n",
               (ResidentBytes(server_pid) - before) / options.watchers);
  return 0;
}

}  // namespace
}  // namespace token_service::bench

int main(int argc, char** argv) { return token_service::bench::Main(argc, argv); }
