#include "server/base/secret_buffer.h"

#include <algorithm>
#include <cstring>

#include "server/base/secret_memory.h"

namespace token_service {

SecretBuffer::SecretBuffer(size_t capacity)
    : capacity_(capacity), data_(capacity == 0 ? nullptr : AllocateSecret(capacity)) {}

SecretBuffer::~SecretBuffer() {
  if (data_ != nullptr) FreeSecret(data_, capacity_);
}

size_t SecretBuffer::Append(std::string_view bytes) {
  const size_t taken = std::min(bytes.size(), capacity_ - size_);
  if (taken == 0) return 0;
  std::memcpy(data_ + size_, bytes.data(), taken);
  size_ += taken;
  return taken;
}

Secret SecretBuffer::Take() {
  Secret secret(Reveal());
  if (size_ > 0) explicit_bzero(data_, size_);
  size_ = 0;
  return secret;
}

}  // namespace token_service
