// bench-store DIR [CREDENTIALS] [ROUNDS]: what the embedded store costs on the disk that DIR is on.
//
//   - fills it, then opens it as a start does (every key looked at, every secret opened);
//   - rotates with 16 threads, as many as refresh workers, in rounds that alternate: sharing
//     transactions (group commit), and one transaction each, as without it. The ratio is the
//     figure.
//
// Makes and removes DIR, which must not be there.

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "server/base/secret_memory.h"
#include "server/store/sqlite/open_credential_store.h"

namespace token_service::bench {
namespace {

constexpr int kThreads = 16;
constexpr absl::Duration kRound = absl::Seconds(2);
constexpr char kEndpoint[] = "https://api.example.com/token";
const absl::Time kCreated = absl::FromUnixSeconds(1'700'000'000);

using broker::CredentialStore;

void Require(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "bench-store: %s\n", status.ToString().c_str());
  std::exit(1);
}

std::string Name(int i) { return "credential-" + std::to_string(i); }

Secret Bytes(size_t size) { return Secret(std::string(size, 'x')); }

double CpuMilliseconds() { return 1e3 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// Each is another one: a store takes none twice.
Secret RefreshTokenOf(const std::string& name, uint64_t generation) {
  std::string token = name + "/" + std::to_string(generation);
  token.resize(44, 'x');
  return Secret(std::move(token));
}

double ResidentMiB() {
  std::ifstream statm("/proc/self/statm");
  double pages = 0;
  statm >> pages >> pages;
  return pages * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

void InThreads(const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
}

// One rotation of a credential: two durable writes.
void Rotate(CredentialStore& store, const std::string& name, uint64_t generation) {
  const std::string attempt = name + "/" + std::to_string(generation);
  Require(store
              .Begin({.name = name,
                      .create_time = kCreated,
                      .token_endpoint = kEndpoint,
                      .generation = generation,
                      .attempt_id = attempt,
                      .holder = "bench",
                      .lease = absl::Minutes(1),
                      .take_over = true})
              .status());
  Require(
      store
          .Commit(
              {.name = name,
               .attempt_id = attempt,
               .generation = generation + 1,
               .refresh_token = RefreshTokenOf(name, generation + 1),
               .rotated = true,
               .token = {.value = Bytes(350), .token_type = "Bearer", .lifetime = absl::Hours(1)}})
          .status());
}

void Fill(CredentialStore& store, int count) {
  InThreads([&](int thread) {
    for (int i = thread; i < count; i += kThreads) {
      broker::CredentialRecord record;
      record.name = Name(i);
      record.profile.client_id = "a-client";
      record.profile.token_endpoint = kEndpoint;
      record.refresh_token = RefreshTokenOf(record.name, 0);
      record.create_time = kCreated;
      Require(store.Create(record));
      Rotate(store, record.name, 0);
    }
  });
}

// Rotations a second. `alone`: no two calls meet, so that each has a transaction of its own.
double RotateForARound(CredentialStore& store, bool alone) {
  absl::Mutex mutex;
  std::vector<int64_t> done(kThreads);
  const absl::Time begun = absl::Now();
  InThreads([&](int thread) {
    const std::string name = Name(thread);
    auto record = store.Load(name);
    Require(record.status());
    uint64_t generation = record->generation;
    while (absl::Now() - begun < kRound) {
      std::optional<absl::MutexLock> by_itself;
      if (alone) by_itself.emplace(&mutex);
      Rotate(store, name, generation++);
      ++done[static_cast<size_t>(thread)];
    }
  });
  int64_t all = 0;
  for (const int64_t each : done) all += each;
  return static_cast<double>(all) / absl::ToDoubleSeconds(absl::Now() - begun);
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::unique_ptr<store::SqliteCredentialStore> Open(const std::string& dir) {
  auto store = store::OpenCredentialStore({.data_dir = dir, .key_file = ""});
  Require(store.status());
  return *std::move(store);
}

void MeasureStart(const std::string& dir, int count) {
  malloc_trim(0);
  const double before = ResidentMiB();
  const double at_begin = CpuMilliseconds();
  const auto store = Open(dir);
  const double at_open = CpuMilliseconds();
  std::vector<broker::CredentialRecord> records;
  records.reserve(static_cast<size_t>(count));
  Require(store->ForEach(
      [&](broker::CredentialRecord record) { records.push_back(std::move(record)); }));
  const double at_end = CpuMilliseconds();
  const SecretMemoryUse use = GetSecretMemoryUse();
  std::printf("credentials %zu, ms of CPU: open %.0f, read and unseal %.0f\n", records.size(),
              at_open - at_begin, at_end - at_open);
  std::printf(
      "all of them in memory: %.1f MiB more, of these for secrets %.1f MiB locked, %.1f not\n",
      ResidentMiB() - before, static_cast<double>(use.locked) / (1 << 20),
      static_cast<double>(use.unlocked) / (1 << 20));
  std::printf("on disk: %.1f MiB\n",
              static_cast<double>(std::filesystem::file_size(dir + "/credentials.db")) / (1 << 20));
}

int Main(const std::string& dir, int count, int rounds) {
  if (std::filesystem::exists(dir)) Require(absl::AlreadyExistsError(dir));
  {
    const absl::Time begun = absl::Now();
    Fill(*Open(dir), count);
    std::printf("filled in %.1f s\n", absl::ToDoubleSeconds(absl::Now() - begun));
  }
  MeasureStart(dir, count);
  const auto store = Open(dir);
  std::vector<double> ratios;
  for (int i = 0; i < rounds; ++i) {
    const double shared = RotateForARound(*store, false);
    const double alone = RotateForARound(*store, true);
    ratios.push_back(shared / alone);
    std::printf("round %d: %.0f rotations/s shared, %.0f alone\n", i, shared, alone);
  }
  std::printf("shared / alone: %.1f (%.1f-%.1f)\n", Median(ratios),
              *std::min_element(ratios.begin(), ratios.end()),
              *std::max_element(ratios.begin(), ratios.end()));
  std::filesystem::remove_all(dir);
  return 0;
}

}  // namespace
}  // namespace token_service::bench

int main(int argc, char** argv) {
  if (argc < 2 || argc > 4) {
    std::fputs("usage: bench-store DIR [CREDENTIALS] [ROUNDS]\n", stderr);
    return 2;
  }
  return token_service::bench::Main(argv[1], argc > 2 ? std::atoi(argv[2]) : 100'000,
                                    argc > 3 ? std::atoi(argv[3]) : 5);
}
