#include "server/tls/openssl_memory.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <string.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace token_service::tls {
namespace {

void* Allocate(size_t size, const char*, int) { return std::malloc(size); }

void WipeAndFree(void* memory, const char*, int) {
  if (memory == nullptr) return;
  explicit_bzero(memory, malloc_usable_size(memory));
  std::free(memory);
}

// std::realloc would leave the old bytes behind when it moves them.
void* Reallocate(void* memory, size_t size, const char* file, int line) {
  if (memory == nullptr) return std::malloc(size);
  if (size == 0) {
    WipeAndFree(memory, file, line);
    return nullptr;
  }
  void* const moved = std::malloc(size);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, memory, std::min(size, malloc_usable_size(memory)));
  WipeAndFree(memory, file, line);
  return moved;
}

}  // namespace

absl::Status WipeOpenSslMemory() {
  if (CRYPTO_set_mem_functions(Allocate, Reallocate, WipeAndFree) == 1) return absl::OkStatus();
  return absl::FailedPreconditionError("OpenSSL is in use already: it will not wipe what it frees");
}

}  // namespace token_service::tls
