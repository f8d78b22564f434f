#include "server/api/received_request.h"

#include <grpcpp/impl/codegen/proto_utils.h>

#include <utility>

namespace token_service::api {
namespace {

template <typename Message>
std::optional<Message> Parse(grpc::ByteBuffer bytes) {
  // What gRPC does for a method with messages, for which no bytes are none at all.
  Message message;
  if (bytes.Length() > 0 &&
      !grpc::SerializationTraits<Message>::Deserialize(&bytes, &message).ok()) {
    return std::nullopt;
  }
  return message;
}

RequestFields FieldsOf(const token::v1::GetAccessTokenRequest& message) {
  RequestFields fields{.credential = message.credential(),
                       .rejected_generation = message.rejected_generation()};
  if (message.has_min_validity()) fields.min_validity = message.min_validity();
  return fields;
}

}  // namespace

ReceivedRequest::ReceivedRequest(const grpc::ByteBuffer& bytes) : size_(bytes.Length()) {
  if (size_ == 0) {
    fields_.emplace();
    return;
  }
  if (size_ > kMaxRequestBytes) return;
  if (bytes.TrySingleSlice(&slice_).ok()) {
    fields_ = ReadUsualRequest({reinterpret_cast<const char*>(slice_.begin()), slice_.size()});
    if (fields_.has_value()) return;
  }
  message_ = Parse<token::v1::GetAccessTokenRequest>(bytes);
  if (message_.has_value()) fields_ = FieldsOf(*message_);
}

std::optional<token::v1::WatchAccessTokenRequest> ReadWatchRequest(const grpc::ByteBuffer& bytes) {
  if (bytes.Length() > kMaxRequestBytes) return std::nullopt;
  return Parse<token::v1::WatchAccessTokenRequest>(bytes);
}

}  // namespace token_service::api
