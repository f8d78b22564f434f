#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "server/net/frame_heads.h"

namespace token_service::net {

// Why a connection may not go on.
enum class Breach : uint8_t {
  kNone,
  kHeaderBlock,     // A header block of more frames or bytes than any caller sends.
  kUnacknowledged,  // Settings not acknowledged, and so not held to.
  kResets,          // Calls opened and reset at once, over and over.
  kTooMuch,         // The most of too much, of all connections: ConnectionGuard.
};
inline constexpr size_t kBreaches = 5;
inline constexpr Breach kAllBreaches[] = {Breach::kHeaderBlock, Breach::kUnacknowledged,
                                          Breach::kResets, Breach::kTooMuch};

// For the log and a metric's label.
std::string_view BreachName(Breach breach);

// What one connection makes gRPC hold, counted from the frames in both directions: calls that are
// open, and what was sent to them. gRPC 1.51 counts neither in time
// (docs/adr/0034-frames-are-counted.md). Not synchronised.
class StreamLedger {
 public:
  // A legitimate header block has at most 8 KiB, and a frame at least 16 KiB where more are needed.
  static constexpr uint32_t kMostHeaderBytes = 64 * 1024;
  static constexpr int kMostHeaderFrames = 16;
  // gRPC's own, when nothing else is said; clients take 100 for granted.
  static constexpr size_t kFewestCalls = 1024;
  // An open call costs gRPC about this much besides what was sent to it.
  static constexpr uint64_t kCallBytes = 20 * 1024;

  // More than limits.request_bytes can be: of a call that goes on and on, what came before has been
  // taken by somebody.
  static constexpr uint32_t kMostSentToCall = 32 << 20;

  // `calls`: as many as its settings allow the connection at once.
  explicit StreamLedger(size_t calls);

  // From the client. kNone, kHeaderBlock, kUnacknowledged or kResets; the first breach counts.
  Breach Received(std::string_view bytes);

  // To the client.
  void Sent(std::string_view bytes);

  // There was nothing more to read: gRPC goes on to let calls begin and end. Until then it holds
  // each call that was reset.
  void Drained() { ++drained_; }

  // False: these are no frames that can be followed; nothing is counted then, and all is let.
  bool readable() const { return readable_; }
  // The client has said its preface, and ought to acknowledge.
  bool awaits_acknowledgement() const { return readable_ && received_.begun() && !acknowledged_; }

  size_t calls() const { return open_.size(); }
  // What is held for them.
  uint64_t bytes() const { return open_.size() * kCallBytes + call_bytes_; }
  // Since the connection began.
  uint64_t opened() const { return opened_; }
  uint64_t resets() const { return resets_; }

 private:
  Breach OnReceived(const FrameHead& head);
  Breach OnHeaderBlock(const FrameHead& head);
  void OnSent(const FrameHead& head);
  struct OpenCall {
    uint32_t sent = 0;     // Bytes, to it.
    uint64_t drained = 0;  // When it was opened.
  };
  std::optional<OpenCall> End(uint32_t stream);
  void EndedOtherwise();
  void GiveUp();

  const size_t calls_;
  FrameHeads received_{kClientPreface};
  FrameHeads sent_;
  bool readable_ = true;
  bool acknowledged_ = false;
  absl::flat_hash_map<uint32_t, OpenCall> open_;
  uint32_t last_stream_ = 0;
  uint64_t call_bytes_ = 0;  // What was sent to all of them.
  uint64_t opened_ = 0;
  uint64_t resets_ = 0;
  // How often there was nothing more to read.
  uint64_t drained_ = 0;
  // Calls that were reset before gRPC could let them begin, less those that ended otherwise.
  size_t reset_at_once_ = 0;
  uint32_t block_bytes_ = 0;
  int block_frames_ = 0;
};

}  // namespace token_service::net
