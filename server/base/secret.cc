#include "server/base/secret.h"

#include <cstring>
#include <utility>

#include "server/base/secret_memory.h"

namespace token_service {

Secret::Secret(std::string_view value) : size_(value.size()) {
  if (size_ == 0) return;
  data_ = AllocateSecret(size_);
  std::memcpy(data_, value.data(), size_);
}

Secret::Secret(std::string&& value) : Secret(std::string_view(value)) { WipeString(value); }

Secret::Secret(Secret&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  Wipe();
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

Secret::~Secret() { Wipe(); }

void Secret::Wipe() {
  if (data_ == nullptr) return;
  FreeSecret(data_, size_);
  data_ = nullptr;
  size_ = 0;
}

bool operator==(const Secret& a, const Secret& b) {
  if (a.size_ != b.size_) return false;
  unsigned char difference = 0;
  for (size_t i = 0; i < a.size_; ++i) {
    difference |= static_cast<unsigned char>(a.data_[i] ^ b.data_[i]);
  }
  return difference == 0;
}

void WipeString(std::string& value) {
  // The whole capacity: a shortened string leaves its tail behind.
  value.resize(value.capacity());
  explicit_bzero(value.data(), value.size());
  value.clear();
}

}  // namespace token_service
