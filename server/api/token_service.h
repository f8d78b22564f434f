#pragma once

#include <token/v1/token_service.grpc.pb.h>

#include <atomic>
#include <string>
#include <variant>

#include "server/api/api_error.h"
#include "server/api/caller.h"
#include "server/api/listener_info.h"
#include "server/authz/policy_in_force.h"
#include "server/base/clock.h"
#include "server/broker/token_cache.h"
#include "server/broker/token_issuer.h"
#include "server/broker/token_watchers.h"

namespace token_service::api {

// What every listener's service works with. All outlive the servers.
struct TokenServiceParts {
  broker::TokenIssuer& issuer;
  broker::TokenWatchers& watchers;
  const broker::TokenCache& cache;
  const authz::PolicyInForce& policy;
  const Clock& clock;
  const std::atomic<bool>& draining;
};

// token.v1.TokenService on gRPC's callback API, for the callers of one listener. No method blocks:
// a call that has to wait is parked with the issuer, and taken out when its deadline passes or its
// caller leaves.
class TokenServiceImpl final : public token::v1::TokenService::CallbackService {
 public:
  TokenServiceImpl(ListenerInfo listener, const TokenServiceParts& parts)
      : listener_(std::move(listener)), parts_(parts) {}

  grpc::ServerUnaryReactor* GetAccessToken(grpc::CallbackServerContext* context,
                                           const token::v1::GetAccessTokenRequest* request,
                                           token::v1::GetAccessTokenResponse* response) override;

  grpc::ServerWriteReactor<token::v1::WatchAccessTokenResponse>* WatchAccessToken(
      grpc::CallbackServerContext* context,
      const token::v1::WatchAccessTokenRequest* request) override;

 private:
  // Who calls and which credential is meant, or why not.
  struct Admitted {
    Caller caller;
    std::string credential;
  };
  std::variant<Admitted, ApiError> Admit(grpc::CallbackServerContext& context,
                                         const google::protobuf::Message& request,
                                         const std::string& requested) const;

  const ListenerInfo listener_;
  const TokenServiceParts parts_;
};

}  // namespace token_service::api
