#pragma once

#include <token/v1/token_service.grpc.pb.h>

#include <atomic>
#include <utility>

#include "server/api/admission.h"
#include "server/api/denial_limit.h"
#include "server/api/listener_info.h"
#include "server/api/watch_age.h"
#include "server/authz/policy_in_force.h"
#include "server/base/clock.h"
#include "server/broker/token_cache.h"
#include "server/broker/token_issuer.h"
#include "server/broker/token_watchers.h"
#include "server/telemetry/call_observer.h"

namespace token_service::api {

// What every listener's service works with. All outlive the servers.
struct TokenServiceParts {
  broker::TokenIssuer& issuer;
  broker::TokenWatchers& watchers;
  const broker::TokenCache& cache;
  const authz::PolicyInForce& policy;
  const Clock& clock;
  const std::atomic<bool>& draining;
  telemetry::CallObserver& observer;
  const DenialLimit* denials = nullptr;  // Null: whoever is denied may ask as often as it likes.
  const WatchAge* watch_age = nullptr;   // Null: a stream may become as old as it likes.
};

// token.v1.TokenService on gRPC's callback API, for the callers of one listener. No method blocks:
// a call that has to wait is parked with the issuer, and taken out when its deadline passes or its
// caller leaves.
//
// Requests and answers are bytes here, see ReceivedRequest and PreparedToken: 9 % fewer
// instructions a cached call than with messages. tests/api/typed_token_service.h says the same in
// messages; the two are compared. docs/adr/0012-answers-as-bytes.md
class TokenServiceImpl final : public token::v1::TokenService::WithRawCallbackMethod_GetAccessToken<
                                   token::v1::TokenService::WithRawCallbackMethod_WatchAccessToken<
                                       token::v1::TokenService::Service>> {
 public:
  TokenServiceImpl(ListenerInfo listener, const TokenServiceParts& parts)
      : on_unix_socket_(listener.address.starts_with("unix:")),
        admission_(std::move(listener), parts.policy, parts.cache, parts.clock, parts.draining),
        parts_(parts) {}

  grpc::ServerUnaryReactor* GetAccessToken(grpc::CallbackServerContext* context,
                                           const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* response) override;

  grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchAccessToken(
      grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) override;

 private:
  // The status of a call that ends with an error, once it is observed.
  grpc::Status Refuse(telemetry::Method method, grpc::CallbackServerContext& context,
                      std::string_view requested, ApiError error) const;

  const bool on_unix_socket_;
  const Admission admission_;
  const TokenServiceParts parts_;
};

}  // namespace token_service::api
