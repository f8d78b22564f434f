#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace token_service::net {

// Whether memory grows faster than it should. Not synchronised.
class GrowthWatch {
 public:
  // True: more than `kMost` above the least of the last 100 looks.
  bool Grows(uint64_t resident_bytes);

  static constexpr uint64_t kMost = 64 << 20;

 private:
  std::array<uint64_t, 100> recent_ = {};  // 0: not yet.
  size_t next_ = 0;
};

// Of this process. 0: not to be had.
uint64_t ResidentBytes();

// The allocator keeps what is free, and into that an attack could grow unseen.
void ReleaseFreeMemory();

}  // namespace token_service::net
