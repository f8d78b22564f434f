// bench-fill DATA_DIR COUNT TOKEN_ENDPOINT LIFETIME AGE: makes a data directory for token-server,
// its credentials made and rotated once through the store. Their refresh tokens are
// bench-provider's; their access tokens live for LIFETIME (`1h`) and are AGE old: with AGE above
// LIFETIME all of them are expired. DATA_DIR must not be there.

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "bench/scale_tokens.h"
#include "server/store/sqlite/open_credential_store.h"

namespace token_service::bench {
namespace {

constexpr uint32_t kThreads = 16;  // Their writes share transactions.

void Require(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "bench-fill: %s\n", status.ToString().c_str());
  std::exit(1);
}

struct Plan {
  std::string token_endpoint;
  absl::Duration lifetime;
  absl::Duration age;
};

void Put(broker::CredentialStore& store, uint32_t number, const Plan& plan) {
  broker::CredentialRecord record;
  record.name = NameOf(number);
  record.profile.client_id = "bench";
  record.profile.token_endpoint = plan.token_endpoint;
  record.refresh_token = Secret(RefreshTokenOf({number, 0}));
  record.create_time = absl::Now() - plan.age;
  Require(store.Create(record));
  Require(store
              .Begin({.name = record.name,
                      .create_time = record.create_time,
                      .token_endpoint = record.profile.token_endpoint,
                      .attempt_id = record.name,
                      .holder = "bench",
                      .lease = absl::Minutes(1),
                      .take_over = true})
              .status());
  Require(store
              .Commit({.name = record.name,
                       .attempt_id = record.name,
                       .generation = 1,
                       .refresh_token = Secret(RefreshTokenOf({number, 1})),
                       .rotated = true,
                       .token = {.value = Secret(std::string(kAccessTokenBytes, 'x')),
                                 .token_type = "Bearer",
                                 .age = plan.age,
                                 .lifetime = plan.lifetime}})
              .status());
}

int Main(const std::string& data_dir, uint32_t count, const Plan& plan) {
  if (std::filesystem::exists(data_dir)) Require(absl::AlreadyExistsError(data_dir));
  auto store = store::OpenCredentialStore({.data_dir = data_dir, .key_file = ""});
  Require(store.status());
  std::vector<std::thread> threads;
  for (uint32_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (uint32_t i = thread; i < count; i += kThreads) Put(**store, i, plan);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return 0;
}

}  // namespace
}  // namespace token_service::bench

int main(int argc, char** argv) {
  uint32_t count = 0;
  token_service::bench::Plan plan;
  if (argc != 6 || !absl::SimpleAtoi(argv[2], &count) || count > token_service::bench::kMost ||
      !absl::ParseDuration(argv[4], &plan.lifetime) || !absl::ParseDuration(argv[5], &plan.age)) {
    std::fputs("usage: bench-fill DATA_DIR COUNT TOKEN_ENDPOINT LIFETIME AGE\n", stderr);
    return 2;
  }
  plan.token_endpoint = argv[3];
  return token_service::bench::Main(argv[1], count, plan);
}
