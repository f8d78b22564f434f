#include "token_service/token_client.h"

#include "grpcpp/client_context.h"
#include "token_service/decode_token_error.h"

namespace token_service::client {

TokenClient::TokenClient(const std::shared_ptr<grpc::Channel>& channel)
    : stub_(token::v1::TokenService::NewStub(channel)) {}

TokenClient::Answer TokenClient::GetAccessToken(const token::v1::GetAccessTokenRequest& request,
                                                absl::Duration timeout) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  token::v1::GetAccessTokenResponse response;
  const grpc::Status status = stub_->GetAccessToken(&context, request, &response);
  if (!status.ok()) return DecodeTokenError(status);
  return response;
}

}  // namespace token_service::client
