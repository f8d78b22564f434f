#pragma once

#include <grpcpp/server_context.h>

#include <string_view>

#include "server/api/api_error.h"
#include "server/api/caller.h"
#include "server/api/token_service.h"
#include "server/broker/access_token.h"
#include "server/telemetry/call_observer.h"

// What metrics and audit are told of the calls of TokenService. `context` is the call's, before its
// Finish.

namespace token_service::api {

// The token is about to be handed out.
void ObserveToken(const TokenServiceParts& parts, const grpc::CallbackServerContext& context,
                  const Caller& caller, telemetry::TokenSource source,
                  const broker::AccessToken& token);

// The call ends with this.
void ObserveRefusal(const TokenServiceParts& parts, const grpc::CallbackServerContext& context,
                    telemetry::Method method, const Caller& caller, std::string_view credential,
                    const ApiError& error);

// The stream has come to its end, and its caller is to begin another.
void ObserveEnd(const TokenServiceParts& parts, const grpc::CallbackServerContext& context,
                telemetry::Method method, const Caller& caller, std::string_view credential);

// The caller has left, or its deadline has passed.
void ObserveLeft(const TokenServiceParts& parts, const grpc::CallbackServerContext& context,
                 telemetry::Method method, const Caller& caller, std::string_view credential);

}  // namespace token_service::api
