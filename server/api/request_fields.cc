#include "server/api/request_fields.h"

#include <limits>

namespace token_service::api {
namespace {

// Tags of one byte: field number and wire type.
constexpr char kCredential = (1 << 3) | 2;
constexpr char kMinValidity = (2 << 3) | 2;
constexpr char kRejectedGeneration = 3 << 3;
constexpr char kSeconds = 1 << 3;
constexpr char kNanos = 2 << 3;

// Fewer than a negative number takes, or one that overflows.
constexpr int kMaxVarintBytes = 9;
constexpr unsigned char kMoreFollows = 0x80;

bool TakeTag(std::string_view& bytes, char tag) {
  if (!bytes.starts_with(tag)) return false;
  bytes.remove_prefix(1);
  return true;
}

std::optional<uint64_t> TakeVarint(std::string_view& bytes) {
  uint64_t value = 0;
  for (int i = 0; i < kMaxVarintBytes && !bytes.empty(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & ~kMoreFollows) << (7 * i);
    if ((byte & kMoreFollows) == 0) return value;
  }
  return std::nullopt;
}

// What a length of one byte goes before.
std::optional<std::string_view> TakeBytes(std::string_view& bytes) {
  if (bytes.empty()) return std::nullopt;
  const auto size = static_cast<unsigned char>(bytes.front());
  bytes.remove_prefix(1);
  if (size >= kMoreFollows || size > bytes.size()) return std::nullopt;
  const std::string_view taken = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return taken;
}

// Any other text has to be valid UTF-8.
bool IsAscii(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= kMoreFollows) return false;
  }
  return true;
}

std::optional<google::protobuf::Duration> ReadDuration(std::string_view bytes) {
  google::protobuf::Duration duration;
  if (TakeTag(bytes, kSeconds)) {
    const std::optional<uint64_t> seconds = TakeVarint(bytes);
    if (!seconds.has_value()) return std::nullopt;
    duration.set_seconds(static_cast<int64_t>(*seconds));
  }
  if (TakeTag(bytes, kNanos)) {
    const std::optional<uint64_t> nanos = TakeVarint(bytes);
    if (!nanos.has_value() || *nanos > std::numeric_limits<int32_t>::max()) return std::nullopt;
    duration.set_nanos(static_cast<int32_t>(*nanos));
  }
  return bytes.empty() ? std::optional(duration) : std::nullopt;
}

}  // namespace

std::optional<RequestFields> ReadUsualRequest(std::string_view bytes) {
  RequestFields fields;
  if (TakeTag(bytes, kCredential)) {
    const std::optional<std::string_view> name = TakeBytes(bytes);
    if (!name.has_value() || !IsAscii(*name)) return std::nullopt;
    fields.credential = *name;
  }
  if (TakeTag(bytes, kMinValidity)) {
    const std::optional<std::string_view> inside = TakeBytes(bytes);
    if (!inside.has_value()) return std::nullopt;
    fields.min_validity = ReadDuration(*inside);
    if (!fields.min_validity.has_value()) return std::nullopt;
  }
  if (TakeTag(bytes, kRejectedGeneration)) {
    const std::optional<uint64_t> generation = TakeVarint(bytes);
    if (!generation.has_value()) return std::nullopt;
    fields.rejected_generation = *generation;
  }
  return bytes.empty() ? std::optional(fields) : std::nullopt;
}

}  // namespace token_service::api
