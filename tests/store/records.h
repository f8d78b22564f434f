#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "server/broker/credential_store.h"

namespace token_service::testing {

inline constexpr std::string_view kName = "support-inbox";

// Seconds after an arbitrary moment.
absl::Time At(int64_t seconds);

// A record to Create, every field of which that Create takes is set.
broker::CredentialRecord NewRecord(std::string_view name = kName);

// Of what NewRecord makes. Its lease is 60 s long.
broker::BeginRequest MakeBegin(std::string_view attempt_id, uint64_t generation = 0,
                               std::string_view holder = "holder-1");

// To generation `generation`, with secrets that name it: see RefreshTokenOf and AccessTokenOf. Sent
// just now, and good for an hour.
broker::Rotation MakeRotation(std::string_view attempt_id, uint64_t generation = 1,
                              std::string_view name = kName);
std::string RefreshTokenOf(std::string_view name, uint64_t generation);
std::string AccessTokenOf(std::string_view name, uint64_t generation);

// Begin and Commit, from `generation` to the next; expects both to work.
void Rotate(broker::RotationStore& store, uint64_t generation, std::string_view name = kName);

}  // namespace token_service::testing
