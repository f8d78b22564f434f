#pragma once

#include <functional>
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

  // One stream, not repeated: calls `on_token` with the current token and then with each new one,
  // on this thread, until the server ends it, and returns why. So does the lack of a first token
  // within `timeout` (DEADLINE_EXCEEDED), and `on_token` when it returns false (CANCELLED).
  TokenError WatchAccessToken(
      const token::v1::WatchAccessTokenRequest& request, absl::Duration timeout,
      const std::function<bool(const token::v1::GetAccessTokenResponse&)>& on_token);

 private:
  const std::unique_ptr<token::v1::TokenService::StubInterface> stub_;
};

}  // namespace token_service::client
