#include "server/http/curl_memory.h"

#include <curl/curl.h>
#include <malloc.h>
#include <string.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace token_service::http {
namespace {

void* Allocate(size_t size) { return std::malloc(size); }

void* AllocateZeroed(size_t count, size_t size) { return std::calloc(count, size); }

void WipeAndFree(void* memory) {
  if (memory == nullptr) return;
  explicit_bzero(memory, malloc_usable_size(memory));
  std::free(memory);
}

// std::realloc would leave the old bytes behind when it moves them.
void* Reallocate(void* memory, size_t size) {
  if (memory == nullptr) return std::malloc(size);
  void* moved = std::malloc(size);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, memory, std::min(size, malloc_usable_size(memory)));
  WipeAndFree(memory);
  return moved;
}

char* Duplicate(const char* text) { return ::strdup(text); }

}  // namespace

absl::Status InitializeCurl() {
  static const CURLcode code = curl_global_init_mem(CURL_GLOBAL_DEFAULT, Allocate, WipeAndFree,
                                                    Reallocate, Duplicate, AllocateZeroed);
  if (code != CURLE_OK) return absl::InternalError("libcurl cannot be initialised");
  return absl::OkStatus();
}

}  // namespace token_service::http
