#pragma once

#include <cstdint>
#include <string>

namespace token_service::net {

// An HTTP/2 frame of `length` payload bytes.
inline std::string Frame(uint8_t kind, uint8_t flags, uint32_t stream, uint32_t length = 0) {
  std::string frame;
  for (const int shift : {16, 8, 0}) frame.push_back(static_cast<char>(length >> shift & 0xff));
  frame.push_back(static_cast<char>(kind));
  frame.push_back(static_cast<char>(flags));
  for (const int shift : {24, 16, 8, 0}) frame.push_back(static_cast<char>(stream >> shift & 0xff));
  return frame + std::string(length, 'x');
}

}  // namespace token_service::net
