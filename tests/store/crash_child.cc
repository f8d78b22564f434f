// store_crash_child DATA_DIR THREADS: opens the store, makes one credential a thread, rotates them
// until it is killed, and tells on stdout each thing once the store has said that it is durable:
//
//   C <credential>                 created
//   B <credential> <generation>    attempt "<credential>/<generation>" begun on that generation
//   T <credential> <generation>    that generation's token committed
//   Q <credential> <count>         so many answers quarantined
//   G <credential> <generation>    grant "granted …" replaced in that generation

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "server/store/sqlite/open_credential_store.h"
#include "tests/store/records.h"

namespace token_service::testing {
namespace {

void Tell(char what, const std::string& name, uint64_t number) {
  const std::string line = what + (" " + name) + " " + std::to_string(number) + "\n";
  // One write: short enough for a pipe to take whole.
  if (write(STDOUT_FILENO, line.data(), line.size()) < 0) _exit(3);
}

void Require(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "crash child: %s\n", status.ToString().c_str());
  _exit(2);
}

void RotateForever(broker::CredentialStore& store, const std::string& name) {
  if (!store.Load(name).ok()) {
    Require(store.Create(NewRecord(name)));
    Tell('C', name, 0);
  }
  auto record = store.Load(name);
  Require(record.status());
  int64_t quarantined = *store.CountEvidence(name);
  for (uint64_t generation = record->generation;; ++generation) {
    const std::string attempt = name + "/" + std::to_string(generation);
    broker::BeginRequest request = MakeBegin(attempt, generation);
    request.name = name;
    request.take_over = true;
    const auto begun = store.Begin(request);
    Require(begun.status());
    if (!std::holds_alternative<broker::Begun>(*begun)) _exit(4);
    Tell('B', name, generation);
    const auto committed = store.Commit(MakeRotation(attempt, generation + 1, name));
    Require(committed.status());
    if (!std::holds_alternative<broker::Committed>(*committed)) _exit(5);
    Tell('T', name, generation + 1);
    if (generation % 5 == 1) {
      // Each another one: the same answer is kept once.
      Require(store.Quarantine(
          {.name = name, .attempt_id = attempt, .body = Secret(std::string_view(attempt))}));
      Tell('Q', name, static_cast<uint64_t>(++quarantined));
    }
    if (generation % 7 == 3) {
      const std::string granted = "granted " + name + " " + std::to_string(generation);
      Require(store.Adopt(name, Secret(std::string_view(granted))).status());
      Tell('G', name, generation + 1);
    }
  }
}

}  // namespace
}  // namespace token_service::testing

int main(int argc, char** argv) {
  if (argc != 3) return 1;
  auto store = token_service::store::OpenCredentialStore({.data_dir = argv[1], .key_file = ""});
  token_service::testing::Require(store.status());
  std::vector<std::thread> threads;
  for (int i = 0; i < std::atoi(argv[2]); ++i) {
    threads.emplace_back([&store, i] {
      token_service::testing::RotateForever(**store, "credential-" + std::to_string(i));
    });
  }
  for (std::thread& thread : threads) thread.join();
}
