#pragma once

#include <string_view>

#include "server/base/secret.h"

namespace token_service::store {

// A refresh token adopted from a file is stored in two places by one call that has room for one
// value. So the value holds it sealed for each:
//
//   0x02 (1 byte) | size of the first in 4 bytes, little endian | sealed as seed | sealed as grant
struct SealedPair {
  std::string_view seed;
  std::string_view grant;
};

// Into `sealed`'s own bytes. What is no pair stands for both.
SealedPair SplitPair(std::string_view sealed);

Secret JoinPair(const Secret& seed, const Secret& grant);

}  // namespace token_service::store
