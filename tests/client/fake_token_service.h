#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/server.h"
#include "token/v1/token_service.grpc.pb.h"

namespace token_service::testing {

// A token server in this process, on a free loopback port, that answers what it was told to.
class FakeTokenService : public token::v1::TokenService::Service {
 public:
  FakeTokenService();
  ~FakeTokenService() override;

  // host:port.
  const std::string& address() const { return address_; }

  // Thread-safe; each replaces what was to be answered before.
  void AnswerWith(token::v1::GetAccessTokenResponse response);
  void AnswerWith(grpc::Status status);
  // Each call is held until its deadline or cancellation.
  void AnswerNever();

  token::v1::GetAccessTokenRequest last_request() const;

 private:
  using Handler =
      std::function<grpc::Status(grpc::ServerContext&, token::v1::GetAccessTokenResponse&)>;

  grpc::Status GetAccessToken(grpc::ServerContext* context,
                              const token::v1::GetAccessTokenRequest* request,
                              token::v1::GetAccessTokenResponse* response) override;
  void Set(Handler handler);

  std::string address_;
  std::unique_ptr<grpc::Server> server_;
  mutable absl::Mutex mutex_;
  Handler handler_ ABSL_GUARDED_BY(mutex_);
  token::v1::GetAccessTokenRequest last_request_ ABSL_GUARDED_BY(mutex_);
};

// A status with ErrorInfo of this domain and reason and, when positive, RetryInfo, as token-server
// sends it.
grpc::Status StatusWithReason(grpc::StatusCode code, const std::string& message,
                              const std::string& reason, int retry_seconds = 0,
                              const std::string& domain = "token.v1");

}  // namespace token_service::testing
