#include "token_service/credential_client.h"

#include "absl/time/clock.h"
#include "grpcpp/client_context.h"
#include "token_service/decode_token_error.h"

namespace token_service::client {
namespace {

using Stub = token::v1::CredentialService::StubInterface;

template <typename Request, typename Response>
std::variant<Response, TokenError> Call(Stub& stub,
                                        grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                                     const Request&, Response*),
                                        const Request& request, absl::Duration timeout) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  Response response;
  const grpc::Status status = (stub.*method)(&context, request, &response);
  if (!status.ok()) return DecodeTokenError(status);
  return response;
}

}  // namespace

CredentialClient::CredentialClient(const std::shared_ptr<grpc::Channel>& channel,
                                   absl::Duration timeout)
    : stub_(token::v1::CredentialService::NewStub(channel)), timeout_(timeout) {}

CredentialClient::Answer CredentialClient::Create(
    const token::v1::CreateCredentialRequest& request) {
  return Call(*stub_, &Stub::CreateCredential, request, timeout_);
}

CredentialClient::Answer CredentialClient::Get(const token::v1::GetCredentialRequest& request) {
  return Call(*stub_, &Stub::GetCredential, request, timeout_);
}

CredentialClient::Page CredentialClient::List(const token::v1::ListCredentialsRequest& request) {
  return Call(*stub_, &Stub::ListCredentials, request, timeout_);
}

CredentialClient::Answer CredentialClient::Update(
    const token::v1::UpdateCredentialRequest& request) {
  return Call(*stub_, &Stub::UpdateCredential, request, timeout_);
}

CredentialClient::Answer CredentialClient::ReplaceRefreshToken(
    const token::v1::ReplaceRefreshTokenRequest& request) {
  return Call(*stub_, &Stub::ReplaceRefreshToken, request, timeout_);
}

CredentialClient::Answer CredentialClient::Refresh(
    const token::v1::RefreshCredentialRequest& request) {
  return Call(*stub_, &Stub::RefreshCredential, request, timeout_);
}

CredentialClient::Answer CredentialClient::Release(
    const token::v1::ReleaseCredentialRequest& request) {
  return Call(*stub_, &Stub::ReleaseCredential, request, timeout_);
}

std::variant<token::v1::ListEvidenceResponse, TokenError> CredentialClient::ListEvidence(
    const token::v1::ListEvidenceRequest& request) {
  return Call(*stub_, &Stub::ListEvidence, request, timeout_);
}

CredentialClient::Answer CredentialClient::AdoptEvidence(
    const token::v1::AdoptEvidenceRequest& request) {
  return Call(*stub_, &Stub::AdoptEvidence, request, timeout_);
}

std::optional<TokenError> CredentialClient::DiscardEvidence(
    const token::v1::DiscardEvidenceRequest& request) {
  auto answer = Call(*stub_, &Stub::DiscardEvidence, request, timeout_);
  if (auto* error = std::get_if<TokenError>(&answer)) return std::move(*error);
  return std::nullopt;
}

std::optional<TokenError> CredentialClient::Delete(
    const token::v1::DeleteCredentialRequest& request) {
  auto answer = Call(*stub_, &Stub::DeleteCredential, request, timeout_);
  if (auto* error = std::get_if<TokenError>(&answer)) return std::move(*error);
  return std::nullopt;
}

}  // namespace token_service::client
