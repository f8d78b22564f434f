#pragma once

#include <token/v1/credential_service.grpc.pb.h>

#include <atomic>
#include <optional>
#include <string>
#include <utility>

#include "server/api/api_error.h"
#include "server/api/denial_limit.h"
#include "server/api/listener_info.h"
#include "server/authz/policy_in_force.h"
#include "server/base/clock.h"
#include "server/broker/credential_registry.h"
#include "server/broker/token_issuer.h"
#include "server/telemetry/call_observer.h"

namespace token_service::api {

// What every listener's service works with. All outlive the servers.
struct CredentialServiceParts {
  broker::CredentialRegistry& registry;
  broker::TokenIssuer& issuer;
  const authz::PolicyInForce& policy;
  const Clock& clock;
  const std::atomic<bool>& draining;
  telemetry::CallObserver& observer;
  const DenialLimit* denials = nullptr;  // Null: whoever is denied may ask as often as it likes.
};

// token.v1.CredentialService on gRPC's callback API, for the operators among the callers of one
// listener. No method blocks: changes are made by the registry, which answers from its own thread,
// whether or not the caller is still there.
class CredentialServiceImpl final : public token::v1::CredentialService::CallbackService {
 public:
  CredentialServiceImpl(ListenerInfo listener, const CredentialServiceParts& parts)
      : listener_(std::move(listener)), parts_(parts) {}

  grpc::ServerUnaryReactor* CreateCredential(grpc::CallbackServerContext* context,
                                             const token::v1::CreateCredentialRequest* request,
                                             token::v1::Credential* response) override;
  grpc::ServerUnaryReactor* GetCredential(grpc::CallbackServerContext* context,
                                          const token::v1::GetCredentialRequest* request,
                                          token::v1::Credential* response) override;
  grpc::ServerUnaryReactor* ListCredentials(grpc::CallbackServerContext* context,
                                            const token::v1::ListCredentialsRequest* request,
                                            token::v1::ListCredentialsResponse* response) override;
  grpc::ServerUnaryReactor* UpdateCredential(grpc::CallbackServerContext* context,
                                             const token::v1::UpdateCredentialRequest* request,
                                             token::v1::Credential* response) override;
  grpc::ServerUnaryReactor* ReplaceRefreshToken(
      grpc::CallbackServerContext* context, const token::v1::ReplaceRefreshTokenRequest* request,
      token::v1::Credential* response) override;
  grpc::ServerUnaryReactor* RefreshCredential(grpc::CallbackServerContext* context,
                                              const token::v1::RefreshCredentialRequest* request,
                                              token::v1::Credential* response) override;
  grpc::ServerUnaryReactor* ReleaseCredential(grpc::CallbackServerContext* context,
                                              const token::v1::ReleaseCredentialRequest* request,
                                              token::v1::Credential* response) override;
  grpc::ServerUnaryReactor* DeleteCredential(grpc::CallbackServerContext* context,
                                             const token::v1::DeleteCredentialRequest* request,
                                             google::protobuf::Empty* response) override;
  grpc::ServerUnaryReactor* ListEvidence(grpc::CallbackServerContext* context,
                                         const token::v1::ListEvidenceRequest* request,
                                         token::v1::ListEvidenceResponse* response) override;
  grpc::ServerUnaryReactor* AdoptEvidence(grpc::CallbackServerContext* context,
                                          const token::v1::AdoptEvidenceRequest* request,
                                          token::v1::Credential* response) override;
  grpc::ServerUnaryReactor* DiscardEvidence(grpc::CallbackServerContext* context,
                                            const token::v1::DiscardEvidenceRequest* request,
                                            google::protobuf::Empty* response) override;

 private:
  // Why this caller may not operate that much, on whatever credential; nullopt: it may.
  std::optional<ApiError> Forbids(grpc::CallbackServerContext* context, authz::Operating what,
                                  const std::string& credential) const;
  // The same, on this credential, which there may or may not be.
  std::optional<ApiError> ForbidsOf(grpc::CallbackServerContext* context, authz::Operating what,
                                    const std::string& credential) const;

  const ListenerInfo listener_;
  const CredentialServiceParts parts_;
};

}  // namespace token_service::api
