#pragma once

#include <memory>
#include <optional>
#include <variant>

#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "token/v1/credential_service.grpc.pb.h"
#include "token_service/token_error.h"

namespace token_service::client {

// Keeps the credentials of a token server, for operators. Any thread; a call blocks its thread
// until the answer or the timeout, and is not repeated.
class CredentialClient {
 public:
  using Answer = std::variant<token::v1::Credential, TokenError>;
  using Page = std::variant<token::v1::ListCredentialsResponse, TokenError>;

  CredentialClient(const std::shared_ptr<grpc::Channel>& channel, absl::Duration timeout);

  Answer Create(const token::v1::CreateCredentialRequest& request);
  Answer Get(const token::v1::GetCredentialRequest& request);
  Page List(const token::v1::ListCredentialsRequest& request);
  Answer Update(const token::v1::UpdateCredentialRequest& request);
  Answer ReplaceRefreshToken(const token::v1::ReplaceRefreshTokenRequest& request);
  Answer Refresh(const token::v1::RefreshCredentialRequest& request);
  Answer Release(const token::v1::ReleaseCredentialRequest& request);
  // Nullopt: it is gone.
  std::optional<TokenError> Delete(const token::v1::DeleteCredentialRequest& request);

  std::variant<token::v1::ListEvidenceResponse, TokenError> ListEvidence(
      const token::v1::ListEvidenceRequest& request);
  Answer AdoptEvidence(const token::v1::AdoptEvidenceRequest& request);
  // Nullopt: it is gone.
  std::optional<TokenError> DiscardEvidence(const token::v1::DiscardEvidenceRequest& request);

 private:
  const std::unique_ptr<token::v1::CredentialService::StubInterface> stub_;
  const absl::Duration timeout_;
};

}  // namespace token_service::client
