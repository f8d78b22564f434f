#include "server/api/token_service.h"

#include <utility>
#include <variant>

#include "server/api/api_error.h"
#include "server/api/caller.h"
#include "server/api/credential_choice.h"
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
  const Caller caller(context, listener_);
  if (!caller.identity().has_value()) return CallerUnknown();
  const authz::Rights* const rights = parts_.policy.RightsOf(*caller.identity());
  if (rights == nullptr) return CredentialNotPermitted(requested);
  auto choice = ChooseCredential(requested, *rights, parts_.cache);
  if (auto* error = std::get_if<ApiError>(&choice)) return std::move(*error);
  return Admitted{.rights = rights, .credential = std::move(std::get<std::string>(choice))};
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
  auto& [rights, credential] = std::get<Admitted>(admitted);
  auto parsed = FromProto(*request, std::move(credential));
  if (const auto* error = std::get_if<ApiError>(&parsed)) return finish(ToGrpcStatus(*error));
  const auto& wanted = std::get<broker::TokenRequest>(parsed);

  if (const auto answer = parts_.issuer.TryGet(wanted); answer.has_value()) {
    return finish(Answer(*answer, wanted.credential, *rights, parts_.clock, *response));
  }
  auto* const call = new WaitingCall(parts_, *rights, wanted.credential, response);
  call->Start(wanted);
  return call;
}

grpc::ServerWriteReactor<token::v1::WatchAccessTokenResponse>* TokenServiceImpl::WatchAccessToken(
    grpc::CallbackServerContext* context, const token::v1::WatchAccessTokenRequest* request) {
  auto admitted = Admit(*context, *request, request->credential());
  if (const auto* error = std::get_if<ApiError>(&admitted)) {
    return new RefusedWatch(ToGrpcStatus(*error));
  }
  auto& [rights, credential] = std::get<Admitted>(admitted);
  return WatchAccessTokenCall::Start(parts_, *rights, std::move(credential));
}

}  // namespace token_service::api
