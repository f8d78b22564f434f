#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

// What bench-fill puts into a store and bench-provider gives out: refresh tokens that say whose
// they are and how many came before, so that the provider needs to be told of no credential.

namespace token_service::bench {

constexpr uint32_t kMost = 1'000'000;  // Credentials.
constexpr size_t kAccessTokenBytes = 350;

struct GrantNumber {
  uint32_t credential = 0;
  uint32_t rotation = 0;
};

inline std::string NameOf(uint32_t credential) {
  return absl::StrFormat("credential-%07d", credential);
}

// 44 characters, as the Ticket API's.
inline std::string RefreshTokenOf(GrantNumber number) {
  return absl::StrFormat("bench.%07d.%010d.%s", number.credential, number.rotation,
                         std::string(19, 'x'));
}

inline std::optional<GrantNumber> NumberIn(std::string_view refresh_token) {
  const std::vector<std::string> parts = absl::StrSplit(std::string(refresh_token), '.');
  GrantNumber number;
  if (parts.size() != 4 || !absl::SimpleAtoi(parts[1], &number.credential) ||
      !absl::SimpleAtoi(parts[2], &number.rotation) || number.credential >= kMost) {
    return std::nullopt;
  }
  return number;
}

}  // namespace token_service::bench
