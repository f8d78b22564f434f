#include "tests/client/fake_token_service.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/server_builder.h"

namespace token_service::testing {

FakeTokenService::FakeTokenService() {
  AnswerWith(grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "the test set no answer"));
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  address_ = absl::StrCat("127.0.0.1:", port);
}

FakeTokenService::~FakeTokenService() {
  // The calls still held are cancelled rather than waited for.
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
}

void FakeTokenService::AnswerWith(token::v1::GetAccessTokenResponse response) {
  Set([response = std::move(response)](grpc::ServerContext&,
                                       token::v1::GetAccessTokenResponse& out) {
    out = response;
    return grpc::Status::OK;
  });
}

void FakeTokenService::AnswerWith(grpc::Status status) {
  Set([status = std::move(status)](grpc::ServerContext&, token::v1::GetAccessTokenResponse&) {
    return status;
  });
}

void FakeTokenService::AnswerNever() {
  Set([](grpc::ServerContext& context, token::v1::GetAccessTokenResponse&) {
    while (!context.IsCancelled()) absl::SleepFor(absl::Milliseconds(1));
    return grpc::Status::CANCELLED;
  });
}

token::v1::GetAccessTokenRequest FakeTokenService::last_request() const {
  absl::MutexLock lock(&mutex_);
  return last_request_;
}

grpc::Status FakeTokenService::GetAccessToken(grpc::ServerContext* context,
                                              const token::v1::GetAccessTokenRequest* request,
                                              token::v1::GetAccessTokenResponse* response) {
  Handler handler;
  {
    absl::MutexLock lock(&mutex_);
    last_request_ = *request;
    handler = handler_;
  }
  return handler(*context, *response);
}

void FakeTokenService::Set(Handler handler) {
  absl::MutexLock lock(&mutex_);
  handler_ = std::move(handler);
}

grpc::Status StatusWithReason(grpc::StatusCode code, const std::string& message,
                              const std::string& reason, int retry_seconds,
                              const std::string& domain) {
  google::rpc::Status details;
  details.set_code(code);
  details.set_message(message);
  google::rpc::ErrorInfo info;
  info.set_domain(domain);
  info.set_reason(reason);
  details.add_details()->PackFrom(info);
  if (retry_seconds > 0) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(retry_seconds);
    details.add_details()->PackFrom(retry);
  }
  return grpc::Status(code, message, details.SerializeAsString());
}

}  // namespace token_service::testing
