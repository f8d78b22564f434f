#include "tests/client/fake_token_service.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/server_builder.h"

namespace token_service::testing {

FakeTokenService::FakeTokenService(const std::string& address,
                                   std::shared_ptr<grpc::ServerCredentials> credentials) {
  AnswerWith(grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "the test set no answer"));
  int port = 0;
  grpc::ServerBuilder builder;
  if (credentials == nullptr) credentials = grpc::InsecureServerCredentials();
  // A server that comes back at an address must not share it with the one before.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort(address, credentials, &port);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  address_ = absl::StartsWith(address, "unix:") ? address : absl::StrCat("127.0.0.1:", port);
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
    ++gets_;
    const auto found = context->client_metadata().find("authorization");
    last_authorization_.clear();
    if (found != context->client_metadata().end()) {
      last_authorization_.assign(found->second.data(), found->second.size());
    }
    handler = handler_;
  }
  return handler(*context, *response);
}

grpc::Status FakeTokenService::WatchAccessToken(
    grpc::ServerContext* context, const token::v1::WatchAccessTokenRequest* /*request*/,
    grpc::ServerWriter<token::v1::WatchAccessTokenResponse>* writer) {
  int seen = 0;
  absl::MutexLock lock(&mutex_);
  ++watches_;
  const auto news = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return watches_end_.has_value() || pushes_ > seen;
  };
  while (!context->IsCancelled()) {
    if (!mutex_.AwaitWithTimeout(absl::Condition(&news), absl::Milliseconds(2))) continue;
    if (watches_end_.has_value()) return *watches_end_;
    seen = pushes_;
    token::v1::WatchAccessTokenResponse response;
    *response.mutable_token() = pushed_;
    mutex_.Unlock();
    writer->Write(response);
    mutex_.Lock();
  }
  return grpc::Status::CANCELLED;
}

void FakeTokenService::Push(const token::v1::GetAccessTokenResponse& response) {
  absl::MutexLock lock(&mutex_);
  pushed_ = response;
  ++pushes_;
  watches_end_.reset();
}

void FakeTokenService::EndWatches(grpc::Status status) {
  absl::MutexLock lock(&mutex_);
  watches_end_ = std::move(status);
}

std::string FakeTokenService::last_authorization() const {
  absl::MutexLock lock(&mutex_);
  return last_authorization_;
}

int FakeTokenService::gets() const {
  absl::MutexLock lock(&mutex_);
  return gets_;
}

int FakeTokenService::watches() const {
  absl::MutexLock lock(&mutex_);
  return watches_;
}

void FakeTokenService::AwaitRejection(uint64_t generation) const {
  const auto told = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return last_request_.rejected_generation() == generation;
  };
  absl::MutexLock lock(&mutex_, absl::Condition(&told));
}

void FakeTokenService::Set(Handler handler) {
  absl::MutexLock lock(&mutex_);
  handler_ = std::move(handler);
}

token::v1::GetAccessTokenResponse TokenOfGeneration(uint64_t generation) {
  token::v1::GetAccessTokenResponse response;
  response.set_access_token(absl::StrCat("token-", generation));
  response.set_token_type("Bearer");
  response.mutable_expires_in()->set_seconds(3600);
  response.set_credential("inbox");
  response.set_generation(generation);
  return response;
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
  (void)details.add_details()->PackFrom(info);
  if (retry_seconds > 0) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(retry_seconds);
    (void)details.add_details()->PackFrom(retry);
  }
  return grpc::Status(code, message, details.SerializeAsString());
}

}  // namespace token_service::testing
