#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>
#include <token/v1/token_service.pb.h>

#include <optional>
#include <string_view>

#include "server/api/request_fields.h"

namespace token_service::api {

// No request for a token is longer. The connection's own limit is wider, for what operators send.
constexpr size_t kMaxRequestBytes = 4096;

// A GetAccessTokenRequest as it came in.
class ReceivedRequest {
 public:
  explicit ReceivedRequest(const grpc::ByteBuffer& bytes);

  size_t size() const { return size_; }

  // Nullopt: no such message, or longer than allowed. Valid while this object is.
  const std::optional<RequestFields>& fields() const { return fields_; }

  // Nullopt: `fields` is.
  std::optional<std::string_view> credential() const {
    return fields_.has_value() ? std::optional(fields_->credential) : std::nullopt;
  }

 private:
  const size_t size_;
  grpc::Slice slice_;
  std::optional<token::v1::GetAccessTokenRequest> message_;  // When it is an unusual one.
  std::optional<RequestFields> fields_;
};

// Nullopt: no such message, or longer than allowed.
std::optional<token::v1::WatchAccessTokenRequest> ReadWatchRequest(const grpc::ByteBuffer& bytes);

}  // namespace token_service::api
