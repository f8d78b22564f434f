#pragma once

#include <string.h>

#include <string>

namespace token_service::client {

// Overwrites the string's bytes, all of its capacity, in a way the compiler keeps, and empties it.
inline void WipeString(std::string& value) {
  value.resize(value.capacity());
  explicit_bzero(value.data(), value.size());
  value.clear();
}

}  // namespace token_service::client
