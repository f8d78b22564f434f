#pragma once

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/server.h"
#include "token/v1/credential_service.grpc.pb.h"

namespace token_service::testing {

// CredentialService in this process, on a free loopback port: remembers the last request, and
// answers a credential of the requested name, two pages of them, or the status it was told.
class FakeCredentialService : public token::v1::CredentialService::Service {
 public:
  FakeCredentialService();
  ~FakeCredentialService() override;

  // host:port.
  const std::string& address() const { return address_; }

  // Instead of an answer.
  void AnswerWith(grpc::Status status);

  // "CreateCredential" and so on, and its request in text form.
  std::string last_method() const;
  std::string last_request() const;

 private:
  grpc::Status CreateCredential(grpc::ServerContext*,
                                const token::v1::CreateCredentialRequest* request,
                                token::v1::Credential* response) override;
  grpc::Status GetCredential(grpc::ServerContext*, const token::v1::GetCredentialRequest* request,
                             token::v1::Credential* response) override;
  grpc::Status ListCredentials(grpc::ServerContext*,
                               const token::v1::ListCredentialsRequest* request,
                               token::v1::ListCredentialsResponse* response) override;
  grpc::Status UpdateCredential(grpc::ServerContext*,
                                const token::v1::UpdateCredentialRequest* request,
                                token::v1::Credential* response) override;
  grpc::Status ReplaceRefreshToken(grpc::ServerContext*,
                                   const token::v1::ReplaceRefreshTokenRequest* request,
                                   token::v1::Credential* response) override;
  grpc::Status RefreshCredential(grpc::ServerContext*,
                                 const token::v1::RefreshCredentialRequest* request,
                                 token::v1::Credential* response) override;
  grpc::Status ReleaseCredential(grpc::ServerContext*,
                                 const token::v1::ReleaseCredentialRequest* request,
                                 token::v1::Credential* response) override;
  grpc::Status DeleteCredential(grpc::ServerContext*,
                                const token::v1::DeleteCredentialRequest* request,
                                google::protobuf::Empty* response) override;

  grpc::Status Note(const std::string& method, const google::protobuf::Message& request);

  std::string address_;
  std::unique_ptr<grpc::Server> server_;
  mutable absl::Mutex mutex_;
  grpc::Status status_ ABSL_GUARDED_BY(mutex_);
  std::string last_method_ ABSL_GUARDED_BY(mutex_);
  std::string last_request_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace token_service::testing
