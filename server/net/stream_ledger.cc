#include "server/net/stream_ledger.h"

#include <algorithm>

namespace token_service::net {

std::string_view BreachName(Breach breach) {
  switch (breach) {
    case Breach::kNone:
      break;
    case Breach::kHeaderBlock:
      return "header_block";
    case Breach::kUnacknowledged:
      return "unacknowledged_settings";
    case Breach::kResets:
      return "resets";
    case Breach::kTooMuch:
      return "most_of_too_much";
  }
  return "none";
}

StreamLedger::StreamLedger(size_t calls) : calls_(std::max(calls, kFewestCalls)) {}

Breach StreamLedger::Received(std::string_view bytes) {
  if (!readable_) return Breach::kNone;
  Breach breach = Breach::kNone;
  const bool frames = received_.Read(bytes, [&](const FrameHead& head) {
    if (breach == Breach::kNone) breach = OnReceived(head);
  });
  if (!frames) GiveUp();  // gRPC will say so itself.
  return breach;
}

Breach StreamLedger::OnReceived(const FrameHead& head) {
  switch (head.kind) {
    case kHeadersFrame:
      block_bytes_ = 0;
      block_frames_ = 0;
      // gRPC passes over numbers that are even or too low.
      if (head.stream % 2 == 1 && head.stream > last_stream_) {
        last_stream_ = head.stream;
        open_.emplace(head.stream, OpenCall{.drained = drained_});
        ++opened_;
      }
      if (!acknowledged_ && open_.size() > calls_) return Breach::kUnacknowledged;
      return OnHeaderBlock(head);
    case kContinuationFrame:
      return OnHeaderBlock(head);
    case kDataFrame:
      if (const auto call = open_.find(head.stream); call != open_.end()) {
        const uint32_t more = std::min(head.length, kMostSentToCall - call->second.sent);
        call->second.sent += more;
        call_bytes_ += more;
      }
      return Breach::kNone;
    case kRstStreamFrame:
      if (const auto call = End(head.stream); call.has_value()) {
        ++resets_;
        if (call->drained != drained_) {
          EndedOtherwise();
        } else if (++reset_at_once_ > 4 * calls_) {
          return Breach::kResets;
        }
      }
      return Breach::kNone;
    case kSettingsFrame:
      if ((head.flags & kAckFlag) != 0) acknowledged_ = true;
      return Breach::kNone;
    default:
      return Breach::kNone;
  }
}

Breach StreamLedger::OnHeaderBlock(const FrameHead& head) {
  block_bytes_ += std::min(head.length, kMostHeaderBytes + 1);
  ++block_frames_;
  return block_bytes_ > kMostHeaderBytes || block_frames_ > kMostHeaderFrames ? Breach::kHeaderBlock
                                                                              : Breach::kNone;
}

void StreamLedger::Sent(std::string_view bytes) {
  if (!readable_) return;
  if (!sent_.Read(bytes, [&](const FrameHead& head) { OnSent(head); })) GiveUp();
}

void StreamLedger::OnSent(const FrameHead& head) {
  // What is no frame of gRPC's was misread: better to count nothing than to count wrongly.
  if (head.kind > kLastFrame) return GiveUp();
  const bool ends =
      head.kind == kRstStreamFrame || ((head.kind == kHeadersFrame || head.kind == kDataFrame) &&
                                       (head.flags & kEndStreamFlag) != 0);
  if (ends && End(head.stream).has_value()) EndedOtherwise();
}

void StreamLedger::EndedOtherwise() { reset_at_once_ -= std::min(reset_at_once_, size_t{1}); }

std::optional<StreamLedger::OpenCall> StreamLedger::End(uint32_t stream) {
  const auto found = open_.find(stream);
  if (found == open_.end()) return std::nullopt;
  const OpenCall call = found->second;
  call_bytes_ -= call.sent;
  open_.erase(found);
  return call;
}

void StreamLedger::GiveUp() {
  readable_ = false;
  open_.clear();
  call_bytes_ = 0;
}

}  // namespace token_service::net
