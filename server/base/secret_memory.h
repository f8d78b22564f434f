#pragma once

#include <cstddef>

namespace token_service {

// Where the bytes of Secrets lie: memory that stays out of core files and, as far as RLIMIT_MEMLOCK
// allows, out of the swap. Secrets share its pages, many to one; what is freed is wiped and used
// again. Any thread.

// At least `size` bytes, which is not 0.
char* AllocateSecret(size_t size);

// With the size that was asked for.
void FreeSecret(char* data, size_t size);

struct SecretMemoryUse {
  size_t locked = 0;    // Bytes that were locked, used or not.
  size_t unlocked = 0;  // Got when no more could be locked: these may be swapped out.
};
SecretMemoryUse GetSecretMemoryUse();

}  // namespace token_service
