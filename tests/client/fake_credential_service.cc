#include "tests/client/fake_credential_service.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/server_builder.h"

namespace token_service::testing {
namespace {

void Fill(const std::string& name, token::v1::Credential& credential) {
  credential.set_name(name);
  credential.set_state(token::v1::CREDENTIAL_STATE_ACTIVE);
  credential.set_generation(3);
  credential.mutable_expire_time()->set_seconds(1'700'000'000);
}

}  // namespace

FakeCredentialService::FakeCredentialService() {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  address_ = absl::StrCat("127.0.0.1:", port);
}

FakeCredentialService::~FakeCredentialService() {
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
}

void FakeCredentialService::AnswerWith(grpc::Status status) {
  absl::MutexLock lock(&mutex_);
  status_ = std::move(status);
}

std::string FakeCredentialService::last_method() const {
  absl::MutexLock lock(&mutex_);
  return last_method_;
}

std::string FakeCredentialService::last_request() const {
  absl::MutexLock lock(&mutex_);
  return last_request_;
}

grpc::Status FakeCredentialService::Note(const std::string& method,
                                         const google::protobuf::Message& request) {
  absl::MutexLock lock(&mutex_);
  last_method_ = method;
  // Not ShortDebugString, which newer releases of protobuf make unfit for comparing.
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  EXPECT_TRUE(printer.PrintToString(request, &last_request_));
  absl::StripTrailingAsciiWhitespace(&last_request_);
  return status_;
}

grpc::Status FakeCredentialService::CreateCredential(
    grpc::ServerContext*, const token::v1::CreateCredentialRequest* request,
    token::v1::Credential* response) {
  Fill(request->credential().name(), *response);
  return Note("CreateCredential", *request);
}

grpc::Status FakeCredentialService::GetCredential(grpc::ServerContext*,
                                                  const token::v1::GetCredentialRequest* request,
                                                  token::v1::Credential* response) {
  Fill(request->name(), *response);
  return Note("GetCredential", *request);
}

grpc::Status FakeCredentialService::ListCredentials(
    grpc::ServerContext*, const token::v1::ListCredentialsRequest* request,
    token::v1::ListCredentialsResponse* response) {
  const bool first = request->page_token().empty();
  Fill(first ? "first" : "second", *response->add_credentials());
  if (first) response->set_next_page_token("more");
  return Note("ListCredentials", *request);
}

grpc::Status FakeCredentialService::UpdateCredential(
    grpc::ServerContext*, const token::v1::UpdateCredentialRequest* request,
    token::v1::Credential* response) {
  Fill(request->credential().name(), *response);
  return Note("UpdateCredential", *request);
}

grpc::Status FakeCredentialService::ReplaceRefreshToken(
    grpc::ServerContext*, const token::v1::ReplaceRefreshTokenRequest* request,
    token::v1::Credential* response) {
  Fill(request->name(), *response);
  return Note("ReplaceRefreshToken", *request);
}

grpc::Status FakeCredentialService::RefreshCredential(
    grpc::ServerContext*, const token::v1::RefreshCredentialRequest* request,
    token::v1::Credential* response) {
  Fill(request->name(), *response);
  return Note("RefreshCredential", *request);
}

grpc::Status FakeCredentialService::ReleaseCredential(
    grpc::ServerContext*, const token::v1::ReleaseCredentialRequest* request,
    token::v1::Credential* response) {
  Fill(request->name(), *response);
  return Note("ReleaseCredential", *request);
}

grpc::Status FakeCredentialService::DeleteCredential(
    grpc::ServerContext*, const token::v1::DeleteCredentialRequest* request,
    google::protobuf::Empty*) {
  return Note("DeleteCredential", *request);
}

}  // namespace token_service::testing
