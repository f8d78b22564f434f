#pragma once

#include <token/v1/token_service.grpc.pb.h>

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "server/api/admission.h"
#include "server/api/permission.h"
#include "server/api/proto_time.h"
#include "server/api/token_messages.h"
#include "server/api/token_service.h"

namespace token_service::api {

// GetAccessToken as gRPC and protobuf mean it to be written, with messages: what TokenServiceImpl,
// which deals in bytes, is compared with. Knows no waiting: a request that is not answered at once
// is asked for again by Wait, whose answer has to come before it returns.
class TypedTokenService final : public token::v1::TokenService::WithCallbackMethod_GetAccessToken<
                                    token::v1::TokenService::Service> {
 public:
  TypedTokenService(ListenerInfo listener, const TokenServiceParts& parts)
      : admission_(std::move(listener), parts.policy, parts.cache, parts.clock, parts.draining),
        parts_(parts) {}

  grpc::ServerUnaryReactor* GetAccessToken(grpc::CallbackServerContext* context,
                                           const token::v1::GetAccessTokenRequest* request,
                                           token::v1::GetAccessTokenResponse* response) override {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(Answer(*context, *request, *response));
    return reactor;
  }

 private:
  struct AnswerOf final : broker::TokenIssuer::Waiter {
    void OnAnswer(broker::TokenAnswer a) override { answer = std::move(a); }
    broker::TokenAnswer answer;
  };

  grpc::Status Answer(grpc::CallbackServerContext& context,
                      const token::v1::GetAccessTokenRequest& request,
                      token::v1::GetAccessTokenResponse& response) {
    auto admitted = admission_.Admit(context, request.ByteSizeLong(), request.credential());
    if (const auto* error = std::get_if<ApiError>(&admitted)) return ToGrpcStatus(*error);
    auto& [caller, credential] = std::get<Admission::Admitted>(admitted);
    RequestFields fields{.credential = request.credential(),
                         .rejected_generation = request.rejected_generation()};
    if (request.has_min_validity()) fields.min_validity = request.min_validity();
    auto parsed = ToTokenRequest(fields, credential);
    if (const auto* error = std::get_if<ApiError>(&parsed)) return ToGrpcStatus(*error);
    const auto& wanted = std::get<broker::TokenRequest>(parsed);

    AnswerOf waiter;
    if (auto at_once = parts_.issuer.TryGet(wanted); at_once.has_value()) {
      waiter.answer = *std::move(at_once);
    } else {
      parts_.issuer.Wait(wanted, &waiter);
    }
    if (const auto* refusal = std::get_if<broker::Refusal>(&waiter.answer)) {
      return ToGrpcStatus(
          RefusalFor(PermissionOf(parts_.policy, caller, credential), *refusal, credential));
    }
    const broker::AccessToken& token = *std::get<broker::AccessTokenPtr>(waiter.answer);
    ToProto(token, response);
    response.set_access_token(std::string(token.value.Reveal()));
    *response.mutable_expires_in() =
        ToProto(std::max(token.expires - parts_.clock.Now(), absl::ZeroDuration()));
    return grpc::Status::OK;
  }

  const Admission admission_;
  const TokenServiceParts parts_;
};

}  // namespace token_service::api
