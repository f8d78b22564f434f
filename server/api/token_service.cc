#include "server/api/token_service.h"

#include <utility>
#include <variant>

#include "server/api/answer_together.h"
#include "server/api/api_error.h"
#include "server/api/observation.h"
#include "server/api/permission.h"
#include "server/api/prepared_token.h"
#include "server/api/received_request.h"
#include "server/api/token_messages.h"
#include "server/api/watch_access_token_call.h"

namespace token_service::api {
namespace {

using broker::AccessTokenPtr;
using broker::Refusal;

constexpr auto kMethod = telemetry::Method::kGetAccessToken;

// A call that waits for a flight. Deletes itself in OnDone.
class WaitingCall final : public grpc::ServerUnaryReactor, public broker::TokenIssuer::Waiter {
 public:
  WaitingCall(const TokenServiceParts& parts, grpc::CallbackServerContext& context, Caller caller,
              std::string credential, grpc::ByteBuffer* response)
      : parts_(parts),
        context_(context),
        caller_(std::move(caller)),
        credential_(std::move(credential)),
        response_(response) {}

  // gRPC delivers no OnCancel and no OnDone before the method has returned this reactor.
  void Start(const broker::TokenRequest& request) { parts_.issuer.Wait(request, this); }

  bool MayWait() override { return PermissionOf(parts_.policy, caller_, credential_).may_use; }

  void OnAnswer(broker::TokenAnswer answer) override {
    // The policy may have been replaced meanwhile.
    const Permission permission = PermissionOf(parts_.policy, caller_, credential_);
    const auto* const token = std::get_if<AccessTokenPtr>(&answer);
    if (token == nullptr) {
      return Refuse(RefusalFor(permission, std::get<Refusal>(answer), credential_));
    }
    if (!permission.may_use) return Refuse(DenialOf(permission, credential_));
    PreparedToken::Of(**token).Response(parts_.clock.Now()).Swap(response_);
    ObserveToken(parts_, context_, caller_, telemetry::TokenSource::kRefresh, **token);
    Finish(grpc::Status::OK);
  }

  // Also when the deadline passes. Whoever takes the waiter out finishes the call: here, or in
  // OnAnswer.
  void OnCancel() override {
    if (!parts_.issuer.Leave(credential_, this)) return;
    ObserveLeft(parts_, context_, kMethod, caller_, credential_);
    Finish(grpc::Status::CANCELLED);
  }

  void OnDone() override { delete this; }

 private:
  void Refuse(const ApiError& error) {
    ObserveRefusal(parts_, context_, kMethod, caller_, credential_, error);
    Finish(ToGrpcStatus(error));
  }

  const TokenServiceParts& parts_;
  grpc::CallbackServerContext& context_;
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

grpc::Status TokenServiceImpl::Refuse(telemetry::Method method,
                                      grpc::CallbackServerContext& context,
                                      std::string_view requested, ApiError error) const {
  const Caller caller(context, admission_.listener());
  if (parts_.denials != nullptr) {
    error = parts_.denials->Judge(std::move(error), context, caller);
  }
  ObserveRefusal(parts_, context, method, caller, requested, error);
  return ToGrpcStatus(error);
}

grpc::ServerUnaryReactor* TokenServiceImpl::GetAccessToken(grpc::CallbackServerContext* context,
                                                           const grpc::ByteBuffer* request,
                                                           grpc::ByteBuffer* response) {
  const auto finish = [context](const grpc::Status& status) {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(status);
    return reactor;
  };
  const ReceivedRequest received(*request);
  const auto refuse = [&](const ApiError& error) {
    return finish(Refuse(kMethod, *context, received.credential().value_or(""), error));
  };
  auto admitted = admission_.Admit(*context, received.size(), received.credential());
  if (const auto* error = std::get_if<ApiError>(&admitted)) return refuse(*error);
  auto& [caller, credential] = std::get<Admission::Admitted>(admitted);
  auto parsed = ToTokenRequest(*received.fields(), std::move(credential));
  if (const auto* error = std::get_if<ApiError>(&parsed)) return refuse(*error);
  auto& wanted = std::get<broker::TokenRequest>(parsed);

  if (const auto answer = parts_.issuer.TryGet(wanted); answer.has_value()) {
    if (const auto* token = std::get_if<AccessTokenPtr>(&*answer)) {
      const MonotonicTime now = parts_.clock.Now();
      PreparedToken::Of(**token).Response(now).Swap(response);
      ObserveToken(parts_, *context, caller, telemetry::TokenSource::kCache, **token);
      if (!on_unix_socket_) AnswerTogether(*context, now);
      return finish(grpc::Status::OK);
    }
    const Permission permission = PermissionOf(parts_.policy, caller, wanted.credential);
    return finish(Refuse(kMethod, *context, wanted.credential,
                         RefusalFor(permission, std::get<Refusal>(*answer), wanted.credential)));
  }
  caller.RememberUser(*context);
  wanted.caller = caller.holder(parts_.policy);
  const Caller waiting(*context, admission_.listener());
  auto* const call =
      new WaitingCall(parts_, *context, std::move(caller), wanted.credential, response);
  call->Start(wanted);
  waiting.NoteEnd();
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
    return new RefusedWatch(
        Refuse(telemetry::Method::kWatchAccessToken, *context,
               received.has_value() ? std::string_view(received->credential()) : "", *error));
  }
  auto& [caller, credential] = std::get<Admission::Admitted>(admitted);
  caller.RememberUser(*context);
  return WatchAccessTokenCall::Start(parts_, *context, std::move(caller), std::move(credential));
}

}  // namespace token_service::api
