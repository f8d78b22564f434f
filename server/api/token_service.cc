#include "server/api/token_service.h"

#include <utility>
#include <variant>

#include "server/api/api_error.h"
#include "server/api/permission.h"
#include "server/api/prepared_token.h"
#include "server/api/received_request.h"
#include "server/api/token_messages.h"
#include "server/api/watch_access_token_call.h"

namespace token_service::api {
namespace {

using broker::AccessTokenPtr;
using broker::Refusal;

// A call that waits for a flight. Deletes itself in OnDone.
class WaitingCall final : public grpc::ServerUnaryReactor, public broker::TokenIssuer::Waiter {
 public:
  WaitingCall(const TokenServiceParts& parts, Caller caller, std::string credential,
              grpc::ByteBuffer* response)
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
    PreparedToken::Of(**token).Response(parts_.clock.Now()).Swap(response_);
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
  grpc::ByteBuffer* const response_;
};

class RefusedWatch final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  explicit RefusedWatch(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

}  // namespace

grpc::ServerUnaryReactor* TokenServiceImpl::GetAccessToken(grpc::CallbackServerContext* context,
                                                           const grpc::ByteBuffer* request,
                                                           grpc::ByteBuffer* response) {
  const auto finish = [context](const grpc::Status& status) {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(status);
    return reactor;
  };
  const ReceivedRequest received(*request);
  auto admitted = admission_.Admit(*context, received.size(), received.credential());
  if (const auto* error = std::get_if<ApiError>(&admitted)) return finish(ToGrpcStatus(*error));
  auto& [caller, credential] = std::get<Admission::Admitted>(admitted);
  auto parsed = ToTokenRequest(*received.fields(), std::move(credential));
  if (const auto* error = std::get_if<ApiError>(&parsed)) return finish(ToGrpcStatus(*error));
  const auto& wanted = std::get<broker::TokenRequest>(parsed);

  if (const auto answer = parts_.issuer.TryGet(wanted); answer.has_value()) {
    if (const auto* token = std::get_if<AccessTokenPtr>(&*answer)) {
      PreparedToken::Of(**token).Response(parts_.clock.Now()).Swap(response);
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

grpc::ServerWriteReactor<grpc::ByteBuffer>* TokenServiceImpl::WatchAccessToken(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) {
  const auto received = ReadWatchRequest(*request);
  auto admitted = admission_.Admit(*context, request->Length(),
                                   received.has_value()
                                       ? std::optional<std::string_view>(received->credential())
                                       : std::nullopt);
  if (const auto* error = std::get_if<ApiError>(&admitted)) {
    return new RefusedWatch(ToGrpcStatus(*error));
  }
  auto& [caller, credential] = std::get<Admission::Admitted>(admitted);
  return WatchAccessTokenCall::Start(parts_, std::move(caller), std::move(credential));
}

}  // namespace token_service::api
