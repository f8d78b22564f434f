#pragma once

#include <string_view>

namespace token_service::store {

// A refresh token adopted from a file, as older versions stored it in both places: sealed for each.
// Nothing writes it any more.
//
//   0x02 (1 byte) | size of the first in 4 bytes, little endian | sealed as seed | sealed as grant
struct SealedPair {
  std::string_view seed;
  std::string_view grant;
};

// Into `sealed`'s own bytes. What is no pair stands for both.
SealedPair SplitPair(std::string_view sealed);

}  // namespace token_service::store
