#include "tests/store/records.h"

#include <gtest/gtest.h>

#include <variant>

namespace token_service::testing {

absl::Time At(int64_t seconds) { return absl::FromUnixSeconds(1'700'000'000 + seconds); }

broker::CredentialRecord NewRecord(std::string_view name) {
  broker::CredentialRecord record;
  record.name = name;
  record.profile.purpose = "answers tickets";
  record.profile.client_id = "client-7";
  record.profile.token_endpoint = "https://api.example.com/token";
  record.profile.scope = "tickets:read";
  record.profile.client_auth = "client_secret_post";
  record.profile.provider = "acme";
  record.profile.client_secret = Secret(std::string_view("plain-client-secret"));
  record.profile.managed_by_config = true;
  record.refresh_token = Secret(RefreshTokenOf(name, 0));
  record.seed = Secret(std::string_view("plain-seed"));
  record.create_time = At(1) + absl::Nanoseconds(7);
  return record;
}

broker::BeginRequest MakeBegin(std::string_view attempt_id, uint64_t generation,
                               std::string_view holder) {
  const broker::CredentialRecord record = NewRecord();
  return {.name = record.name,
          .create_time = record.create_time,
          .token_endpoint = record.profile.token_endpoint,
          .generation = generation,
          .attempt_id = std::string(attempt_id),
          .holder = std::string(holder),
          .lease = absl::Seconds(60)};
}

broker::Rotation MakeRotation(std::string_view attempt_id, uint64_t generation,
                              std::string_view name) {
  return {.name = std::string(name),
          .attempt_id = std::string(attempt_id),
          .generation = generation,
          .refresh_token = Secret(RefreshTokenOf(name, generation)),
          .rotated = true,
          .token = {.value = Secret(AccessTokenOf(name, generation)),
                    .token_type = "Bearer",
                    .scope = "tickets:read tickets:write",
                    .lifetime = absl::Hours(1)}};
}

std::string RefreshTokenOf(std::string_view name, uint64_t generation) {
  return "plain-refresh-token-" + std::string(name) + "-" + std::to_string(generation);
}

std::string AccessTokenOf(std::string_view name, uint64_t generation) {
  return "plain-access-token-" + std::string(name) + "-" + std::to_string(generation);
}

void Rotate(broker::RotationStore& store, uint64_t generation, std::string_view name) {
  const std::string attempt = "rotate-" + std::to_string(generation);
  broker::BeginRequest request = MakeBegin(attempt, generation);
  request.name = name;
  const auto begun = store.Begin(request);
  ASSERT_TRUE(begun.ok()) << begun.status();
  ASSERT_TRUE(std::holds_alternative<broker::Begun>(*begun));
  const auto committed = store.Commit(MakeRotation(attempt, generation + 1, name));
  ASSERT_TRUE(committed.ok()) << committed.status();
  ASSERT_TRUE(std::holds_alternative<broker::Committed>(*committed));
}

}  // namespace token_service::testing
