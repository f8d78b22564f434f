#include "server/net/frame_heads.h"

#include <algorithm>

namespace token_service::net {
namespace {

FrameHead Decode(const std::array<char, 9>& bytes) {
  const auto at = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(bytes[i])); };
  return {.length = at(0) << 16 | at(1) << 8 | at(2),
          .kind = static_cast<uint8_t>(at(3)),
          .flags = static_cast<uint8_t>(at(4)),
          .stream = (at(5) << 24 | at(6) << 16 | at(7) << 8 | at(8)) & 0x7fffffff};
}

}  // namespace

bool FrameHeads::Read(std::string_view bytes, absl::FunctionRef<void(const FrameHead&)> each) {
  const size_t first = std::min(preface_.size(), bytes.size());
  if (bytes.substr(0, first) != preface_.substr(0, first)) return false;
  preface_.remove_prefix(first);
  bytes.remove_prefix(first);
  while (true) {
    const size_t payload = std::min(payload_left_, bytes.size());
    payload_left_ -= payload;
    bytes.remove_prefix(payload);
    if (bytes.empty()) return true;
    const size_t more = std::min(kHeadBytes - have_, bytes.size());
    std::copy_n(bytes.data(), more, head_.data() + have_);
    have_ += more;
    bytes.remove_prefix(more);
    if (have_ < kHeadBytes) return true;
    have_ = 0;
    const FrameHead head = Decode(head_);
    payload_left_ = head.length;
    each(head);
  }
}

}  // namespace token_service::net
