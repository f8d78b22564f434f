#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/server.h"
#include "token/v1/token_service.grpc.pb.h"

namespace token_service::testing {

// A token server in this process, on a free loopback port, that answers what it was told to.
class FakeTokenService : public token::v1::TokenService::Service {
 public:
  // Listens at `address`; without credentials in plaintext.
  explicit FakeTokenService(const std::string& address = "127.0.0.1:0",
                            std::shared_ptr<grpc::ServerCredentials> credentials = nullptr);
  ~FakeTokenService() override;

  // host:port.
  const std::string& address() const { return address_; }

  // Thread-safe; each replaces what was to be answered before.
  void AnswerWith(token::v1::GetAccessTokenResponse response);
  void AnswerWith(grpc::Status status);
  // Each call is held until its deadline or cancellation.
  void AnswerNever();

  // What watchers get: who comes later begins with the last token pushed. Until the first of these
  // calls WatchAccessToken is UNIMPLEMENTED.
  void Push(const token::v1::GetAccessTokenResponse& response);
  // Ends the streams there are, and those that are opened until the next Push.
  void EndWatches(grpc::Status status);

  token::v1::GetAccessTokenRequest last_request() const;
  // Of the last GetAccessToken; empty when it had none.
  std::string last_authorization() const;
  int gets() const;
  int watches() const;
  // Blocks until a GetAccessToken has come with this.
  void AwaitRejection(uint64_t generation) const;

 private:
  using Handler =
      std::function<grpc::Status(grpc::ServerContext&, token::v1::GetAccessTokenResponse&)>;

  grpc::Status GetAccessToken(grpc::ServerContext* context,
                              const token::v1::GetAccessTokenRequest* request,
                              token::v1::GetAccessTokenResponse* response) override;
  grpc::Status WatchAccessToken(
      grpc::ServerContext* context, const token::v1::WatchAccessTokenRequest* request,
      grpc::ServerWriter<token::v1::WatchAccessTokenResponse>* writer) override;
  void Set(Handler handler);

  std::string address_;
  std::unique_ptr<grpc::Server> server_;
  mutable absl::Mutex mutex_;
  Handler handler_ ABSL_GUARDED_BY(mutex_);
  token::v1::GetAccessTokenRequest last_request_ ABSL_GUARDED_BY(mutex_);
  std::string last_authorization_ ABSL_GUARDED_BY(mutex_);
  int gets_ ABSL_GUARDED_BY(mutex_) = 0;
  int watches_ ABSL_GUARDED_BY(mutex_) = 0;
  token::v1::GetAccessTokenResponse pushed_ ABSL_GUARDED_BY(mutex_);
  int pushes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<grpc::Status> watches_end_ ABSL_GUARDED_BY(mutex_) =
      grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "no streams here");
};

// "token-7" of generation 7, good for an hour.
token::v1::GetAccessTokenResponse TokenOfGeneration(uint64_t generation);

// A status with ErrorInfo of this domain and reason and, when positive, RetryInfo, as token-server
// sends it.
grpc::Status StatusWithReason(grpc::StatusCode code, const std::string& message,
                              const std::string& reason, int retry_seconds = 0,
                              const std::string& domain = "token.v1");

}  // namespace token_service::testing
