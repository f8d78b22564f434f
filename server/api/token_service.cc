#include "server/api/token_service.h"

#include <utility>
#include <variant>

#include "server/api/api_error.h"
#include "server/api/credential_choice.h"
#include "server/api/permission.h"
#include "server/api/token_messages.h"
#include "server/api/watch_access_token_call.h"

namespace token_service::api {
namespace {

// The connection's own limit is wider, for what operators send.
constexpr size_t kMaxRequestBytes = 4096;

using broker::AccessTokenPtr;
using broker::Refusal;
using token::v1::GetAccessTokenRequest;
using token::v1::GetAccessTokenResponse;

// A call that waits for a flight. Deletes itself in OnDone.
class WaitingCall final : public grpc::ServerUnaryReactor, public broker::TokenIssuer::Waiter {
 public:
  WaitingCall(const TokenServiceParts& parts, Caller caller, std::string credential,
              GetAccessTokenResponse* response)
      : parts_(parts),
        caller_(std::move(caller)),
        credential_(std::move(credential)),
        response_(response) {}

  // gRPC delivers no OnCancel and no OnDone before the method has returned this reactor.
  void Start(const broker::TokenRequest& request) { parts_.issuer.Wait(request, this); }

  void OnAnswer(broker::TokenAnswer answer) override {
    // The policy may have been replaced meanwhile.
    const Permission permission = PermissionOf(parts_.policy, caller_, credential_);
    const auto* const token = std::get_if<AccessTokenPtr>(&answer);
    if (token == nullptr) {
      return Finish(ToGrpcStatus(RefusalFor(permission, std::get<Refusal>(answer), credential_)));
    }
    if (!permission.may_use) return Finish(ToGrpcStatus(CredentialNotPermitted(credential_)));
    ToProto(**token, parts_.clock.Now(), *response_);
    Finish(grpc::Status::OK);
  }

  // Also when the deadline passes. Whoever takes the waiter out finishes the call: here, or in
  // OnAnswer.
  void OnCancel() override {
    if (parts_.issuer.Leave(credential_, this)) Finish(grpc::Status::CANCELLED);
  }

  void OnDone() override { delete this; }

 private:
  const TokenServiceParts& parts_;
  const Caller caller_;
  const std::string credential_;
  GetAccessTokenResponse* const response_;
};

class RefusedWatch final : public grpc::ServerWriteReactor<token::v1::WatchAccessTokenResponse> {
 public:
  explicit RefusedWatch(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

}  // namespace

std::variant<TokenServiceImpl::Admitted, ApiError> TokenServiceImpl::Admit(
    grpc::CallbackServerContext& context, const google::protobuf::Message& request,
    const std::string& requested) const {
  if (parts_.draining.load(std::memory_order_relaxed)) return ShuttingDown();
  if (request.ByteSizeLong() > kMaxRequestBytes) return RequestTooLarge(kMaxRequestBytes);
  Caller caller(context, listener_);
  if (!caller.identity().has_value()) return CallerUnknown();
  const authz::Rights* const rights = parts_.policy.Look().RightsOf(*caller.identity());
  if (rights == nullptr) return CredentialNotPermitted(requested);
  auto choice = ChooseCredential(requested, *rights, parts_.cache);
  if (auto* error = std::get_if<ApiError>(&choice)) return std::move(*error);
  return Admitted{.caller = std::move(caller),
                  .credential = std::move(std::get<std::string>(choice))};
}

grpc::ServerUnaryReactor* TokenServiceImpl::GetAccessToken(grpc::CallbackServerContext* context,
                                                           const GetAccessTokenRequest* request,
                                                           GetAccessTokenResponse* response) {
  const auto finish = [context](const grpc::Status& status) {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(status);
    return reactor;
  };
  auto admitted = Admit(*context, *request, request->credential());
  if (const auto* error = std::get_if<ApiError>(&admitted)) return finish(ToGrpcStatus(*error));
  auto& [caller, credential] = std::get<Admitted>(admitted);
  auto parsed = FromProto(*request, std::move(credential));
  if (const auto* error = std::get_if<ApiError>(&parsed)) return finish(ToGrpcStatus(*error));
  const auto& wanted = std::get<broker::TokenRequest>(parsed);

  if (const auto answer = parts_.issuer.TryGet(wanted); answer.has_value()) {
    if (const auto* token = std::get_if<AccessTokenPtr>(&*answer)) {
      ToProto(**token, parts_.clock.Now(), *response);
      return finish(grpc::Status::OK);
    }
    const Permission permission = PermissionOf(parts_.policy, caller, wanted.credential);
    return finish(
        ToGrpcStatus(RefusalFor(permission, std::get<Refusal>(*answer), wanted.credential)));
  }
  auto* const call = new WaitingCall(parts_, std::move(caller), wanted.credential, response);
  call->Start(wanted);
  return call;
}

grpc::ServerWriteReactor<token::v1::WatchAccessTokenResponse>* TokenServiceImpl::WatchAccessToken(
    grpc::CallbackServerContext* context, const token::v1::WatchAccessTokenRequest* request) {
  auto admitted = Admit(*context, *request, request->credential());
  if (const auto* error = std::get_if<ApiError>(&admitted)) {
    return new RefusedWatch(ToGrpcStatus(*error));
  }
  auto& [caller, credential] = std::get<Admitted>(admitted);
  return WatchAccessTokenCall::Start(parts_, std::move(caller), std::move(credential));
}

}  // namespace token_service::api
