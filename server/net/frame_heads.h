#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/functional/function_ref.h"

namespace token_service::net {

// The first nine bytes of an HTTP/2 frame (RFC 9113 section 4.1).
struct FrameHead {
  uint32_t length = 0;
  uint8_t kind = 0;
  uint8_t flags = 0;
  uint32_t stream = 0;
};

inline constexpr uint8_t kDataFrame = 0;
inline constexpr uint8_t kHeadersFrame = 1;
inline constexpr uint8_t kRstStreamFrame = 3;
inline constexpr uint8_t kSettingsFrame = 4;
inline constexpr uint8_t kLastFrame = 9;  // No kind that gRPC sends or reads has a higher number.
inline constexpr uint8_t kContinuationFrame = 9;
inline constexpr uint8_t kEndStreamFlag = 1;
inline constexpr uint8_t kAckFlag = 1;
inline constexpr uint8_t kEndHeadersFlag = 4;

// What a client says first (RFC 9113 section 3.4).
inline constexpr std::string_view kClientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// Finds the frames in one direction of a connection, however its bytes are cut. Looks at nothing
// but their heads. Not synchronised.
class FrameHeads {
 public:
  // `preface`: what comes before the first frame. Outlives this object.
  explicit FrameHeads(std::string_view preface = {}) : preface_(preface) {}

  // Calls `each` for every head that is complete with these bytes; its payload may be yet to come.
  // False: these are not frames, nothing here can be trusted, and the rest was not looked at.
  bool Read(std::string_view bytes, absl::FunctionRef<void(const FrameHead&)> each);

  // Whether the preface is complete.
  bool begun() const { return preface_.empty(); }

 private:
  static constexpr size_t kHeadBytes = 9;

  std::string_view preface_;  // What is left of it.
  std::array<char, kHeadBytes> head_ = {};
  size_t have_ = 0;          // Of the head.
  size_t payload_left_ = 0;  // Of the last frame.
};

}  // namespace token_service::net
