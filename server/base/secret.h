#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace token_service {

// Bytes that must not be seen: a refresh token, an access token, a client secret, a key, a
// provider's answer.
//
// Wiped on destruction and on move. It cannot be streamed, formatted or converted; every disclosure
// says `Reveal`, so that `grep Reveal` finds them all. Copies are made by `Copy`, on purpose. Not
// synchronised.
class Secret {
 public:
  Secret() = default;
  // Takes the bytes and wipes the argument's own buffer.
  explicit Secret(std::string&& value);
  explicit Secret(std::string_view value);
  explicit Secret(const char*) = delete;

  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  Secret Copy() const { return Secret(Reveal()); }

  // The bytes themselves, valid while this object is.
  std::string_view Reveal() const { return {data_, size_}; }

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }

  // In a time that depends on the lengths alone.
  friend bool operator==(const Secret& a, const Secret& b);

 private:
  void Wipe();

  char* data_ = nullptr;
  size_t size_ = 0;
};

// Overwrites the string's bytes in a way the compiler keeps, then empties it.
void WipeString(std::string& value);

}  // namespace token_service
