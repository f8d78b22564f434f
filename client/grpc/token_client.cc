#include "token_service/token_client.h"

#include <atomic>
#include <thread>

#include "absl/synchronization/notification.h"
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

TokenError TokenClient::WatchAccessToken(
    const token::v1::WatchAccessTokenRequest& request, absl::Duration timeout,
    const std::function<bool(const token::v1::GetAccessTokenResponse&)>& on_token) {
  grpc::ClientContext context;
  absl::Notification first;
  std::atomic<bool> too_late = false;
  std::thread watchdog([&] {
    if (first.WaitForNotificationWithTimeout(timeout)) return;
    too_late = true;
    context.TryCancel();
  });
  const auto stream = stub_->WatchAccessToken(&context, request);
  token::v1::WatchAccessTokenResponse response;
  while (stream->Read(&response)) {
    if (!first.HasBeenNotified()) first.Notify();
    if (on_token(response.token())) continue;
    context.TryCancel();
    break;
  }
  if (!first.HasBeenNotified()) first.Notify();
  watchdog.join();
  const grpc::Status status = stream->Finish();
  if (too_late) {
    return {.code = grpc::StatusCode::DEADLINE_EXCEEDED, .message = "no token came in time"};
  }
  return DecodeTokenError(status);
}

}  // namespace token_service::client
