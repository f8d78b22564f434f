#pragma once

#include <cstddef>
#include <string_view>

#include "server/base/secret.h"

namespace token_service {

// Bytes that become a Secret, gathered where Secrets lie: nothing of them is ever in ordinary
// memory. Of a size fixed from the start, since what grows would be copied about. Not synchronised.
class SecretBuffer {
 public:
  explicit SecretBuffer(size_t capacity);
  SecretBuffer(const SecretBuffer&) = delete;
  SecretBuffer& operator=(const SecretBuffer&) = delete;
  ~SecretBuffer();

  // As many of them as there is room for; how many that was.
  size_t Append(std::string_view bytes);
  void Append(char byte) { Append(std::string_view(&byte, 1)); }

  std::string_view Reveal() const { return {data_, size_}; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // What was gathered. The buffer is as at first.
  Secret Take();

 private:
  const size_t capacity_;
  char* const data_;  // Null: there is no room for anything.
  size_t size_ = 0;
};

}  // namespace token_service
