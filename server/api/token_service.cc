#include "server/api/token_service.h"

#include <utility>
#include <variant>

#include "server/api/api_error.h"
#include "server/api/caller.h"
#include "server/api/credential_choice.h"
#include "server/api/token_messages.h"

namespace token_service::api {
namespace {

using broker::AccessTokenPtr;
using broker::Refusal;
using token::v1::GetAccessTokenRequest;
using token::v1::GetAccessTokenResponse;

grpc::Status Answer(const broker::TokenAnswer& answer, const std::string& credential,
                    const authz::Rights& rights, const Clock& clock,
                    GetAccessTokenResponse& response) {
  if (const auto* token = std::get_if<AccessTokenPtr>(&answer)) {
    ToProto(**token, clock.Now(), response);
    return grpc::Status::OK;
  }
  const Refusal& refusal = std::get<Refusal>(answer);
  if (refusal.reason == broker::Reason::kCredentialNotFound && !rights.MayKnowAll()) {
    return ToGrpcStatus(CredentialNotPermitted(credential));
  }
  return ToGrpcStatus(FromRefusal(refusal, credential));
}

// A call that waits for a flight. Deletes itself in OnDone.
class WaitingCall final : public grpc::ServerUnaryReactor, public broker::TokenIssuer::Waiter {
 public:
  WaitingCall(const TokenServiceParts& parts, const authz::Rights& rights, std::string credential,
              GetAccessTokenResponse* response)
      : parts_(parts), rights_(rights), credential_(std::move(credential)), response_(response) {}

  // gRPC delivers no OnCancel and no OnDone before the method has returned this reactor.
  void Start(const broker::TokenRequest& request) { parts_.issuer.Wait(request, this); }

  void OnAnswer(broker::TokenAnswer answer) override {
    Finish(Answer(answer, credential_, rights_, parts_.clock, *response_));
  }

  // Also when the deadline passes. Whoever takes the waiter out finishes the call: here, or in
  // OnAnswer.
  void OnCancel() override {
    if (parts_.issuer.Leave(credential_, this)) Finish(grpc::Status::CANCELLED);
  }

  void OnDone() override { delete this; }

 private:
  const TokenServiceParts& parts_;
  const authz::Rights& rights_;
  const std::string credential_;
  GetAccessTokenResponse* const response_;
};

}  // namespace

grpc::ServerUnaryReactor* TokenServiceImpl::GetAccessToken(grpc::CallbackServerContext* context,
                                                           const GetAccessTokenRequest* request,
                                                           GetAccessTokenResponse* response) {
  const auto finish = [context](const grpc::Status& status) {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(status);
    return reactor;
  };
  if (parts_.draining.load(std::memory_order_relaxed)) return finish(ToGrpcStatus(ShuttingDown()));
  const Caller caller(*context, listener_);
  if (!caller.identity().has_value()) return finish(ToGrpcStatus(CallerUnknown()));
  const authz::Rights* const rights = parts_.policy.RightsOf(*caller.identity());
  if (rights == nullptr) return finish(ToGrpcStatus(CredentialNotPermitted(request->credential())));

  auto choice = ChooseCredential(request->credential(), *rights, parts_.cache);
  if (const auto* error = std::get_if<ApiError>(&choice)) return finish(ToGrpcStatus(*error));
  auto parsed = FromProto(*request, std::move(std::get<std::string>(choice)));
  if (const auto* error = std::get_if<ApiError>(&parsed)) return finish(ToGrpcStatus(*error));
  const auto& wanted = std::get<broker::TokenRequest>(parsed);

  if (const auto answer = parts_.issuer.TryGet(wanted); answer.has_value()) {
    return finish(Answer(*answer, wanted.credential, *rights, parts_.clock, *response));
  }
  auto* const call = new WaitingCall(parts_, *rights, wanted.credential, response);
  call->Start(wanted);
  return call;
}

}  // namespace token_service::api
