#include "server/api/prepared_token.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <token/v1/token_service.pb.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string_view>

#include "server/api/proto_time.h"
#include "server/api/token_messages.h"

namespace token_service::api {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;
using token::v1::GetAccessTokenResponse;
using token::v1::WatchAccessTokenResponse;

// A tag below 16, and a length of 32 bits.
constexpr size_t kMaxHeader = 1 + 5;
// expires_in: a header of two bytes, seconds of 63 bits and nanoseconds of 31, each with its tag.
constexpr size_t kMaxExpiresIn = 2 + (1 + 9) + (1 + 5);

uint8_t* WriteHeader(int field, size_t size, uint8_t* out) {
  out = WireFormatLite::WriteTagToArray(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED, out);
  return CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(size), out);
}

// Wiped when gRPC has no more use for it.
struct WipedBytes {
  explicit WipedBytes(size_t n) : size(n), data(new uint8_t[n]) {}
  ~WipedBytes() { explicit_bzero(data.get(), size); }

  const size_t size;
  const std::unique_ptr<uint8_t[]> data;
};

grpc::Slice Serialise(const broker::AccessToken& token) {
  GetAccessTokenResponse others;
  ToProto(token, others);
  const std::string_view value = token.value.Reveal();

  std::array<uint8_t, kMaxHeader> header;
  const uint8_t* const header_end =
      WriteHeader(GetAccessTokenResponse::kAccessTokenFieldNumber, value.size(), header.data());
  const auto header_size = static_cast<size_t>(header_end - header.data());

  auto bytes = std::make_unique<WipedBytes>(header_size + value.size() + others.ByteSizeLong());
  uint8_t* out = std::copy_n(header.data(), header_size, bytes->data.get());
  out = std::copy(value.begin(), value.end(), out);
  (void)others.SerializeWithCachedSizesToArray(out);

  uint8_t* const data = bytes->data.get();
  const size_t size = bytes->size;
  return {data, size, [](void* owner) { delete static_cast<WipedBytes*>(owner); }, bytes.release()};
}

// At most 18 bytes, which a slice holds in itself.
grpc::Slice ExpiresIn(absl::Duration left) {
  const google::protobuf::Duration duration = ToProto(std::max(left, absl::ZeroDuration()));
  std::array<uint8_t, kMaxExpiresIn> bytes;
  uint8_t* out = WriteHeader(GetAccessTokenResponse::kExpiresInFieldNumber, duration.ByteSizeLong(),
                             bytes.data());
  out = duration.SerializeWithCachedSizesToArray(out);
  return {bytes.data(), static_cast<size_t>(out - bytes.data())};
}

}  // namespace

const PreparedToken& PreparedToken::Of(const broker::AccessToken& token) {
  const broker::PreparedAnswer* prepared = token.prepared.get();
  if (prepared == nullptr) prepared = &token.prepared.Keep(std::make_unique<PreparedToken>(token));
  return static_cast<const PreparedToken&>(*prepared);
}

PreparedToken::PreparedToken(const broker::AccessToken& token)
    : expires_(token.expires), fixed_(Serialise(token)) {}

grpc::ByteBuffer PreparedToken::Response(MonotonicTime now) const {
  const std::array<grpc::Slice, 2> slices = {fixed_, ExpiresIn(expires_ - now)};
  return {slices.data(), slices.size()};
}

grpc::ByteBuffer PreparedToken::WatchResponse(MonotonicTime now) const {
  const grpc::Slice expires_in = ExpiresIn(expires_ - now);
  std::array<uint8_t, kMaxHeader> header;
  const uint8_t* const end = WriteHeader(WatchAccessTokenResponse::kTokenFieldNumber,
                                         fixed_.size() + expires_in.size(), header.data());
  const std::array<grpc::Slice, 3> slices = {
      grpc::Slice(header.data(), static_cast<size_t>(end - header.data())), fixed_, expires_in};
  return {slices.data(), slices.size()};
}

}  // namespace token_service::api
