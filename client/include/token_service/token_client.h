#pragma once

#include <memory>
#include <variant>

#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "token/v1/token_service.grpc.pb.h"
#include "token_service/token_error.h"

namespace token_service::client {

// Asks a token server for access tokens. Any thread; a call blocks its thread until the answer or
// the timeout.
class TokenClient {
 public:
  using Answer = std::variant<token::v1::GetAccessTokenResponse, TokenError>;

  explicit TokenClient(const std::shared_ptr<grpc::Channel>& channel);

  // One call, not repeated. The timeout covers the connection too, and a refresh when one has to be
  // waited for.
  Answer GetAccessToken(const token::v1::GetAccessTokenRequest& request, absl::Duration timeout);

 private:
  const std::unique_ptr<token::v1::TokenService::StubInterface> stub_;
};

}  // namespace token_service::client
