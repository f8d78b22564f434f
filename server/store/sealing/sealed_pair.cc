#include "server/store/sealing/sealed_pair.h"

#include <algorithm>
#include <cstddef>

namespace token_service::store {
namespace {

constexpr char kPair = 2;
constexpr size_t kPairHeader = 5;

}  // namespace

SealedPair SplitPair(std::string_view sealed) {
  if (sealed.size() < kPairHeader || sealed[0] != kPair) return {sealed, sealed};
  size_t size = 0;
  for (size_t i = 0; i < 4; ++i)
    size |= size_t{static_cast<unsigned char>(sealed[i + 1])} << (8 * i);
  const std::string_view parts = sealed.substr(kPairHeader);
  size = std::min(size, parts.size());
  return {parts.substr(0, size), parts.substr(size)};
}

}  // namespace token_service::store
