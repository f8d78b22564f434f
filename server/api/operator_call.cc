#include "server/api/operator_call.h"

#include <utility>

#include "server/api/caller.h"
#include "server/api/change_text.h"

namespace token_service::api {

OperatorCall::OperatorCall(telemetry::CallObserver& observer, const ListenerInfo& listener,
                           grpc::CallbackServerContext& context, telemetry::Method method,
                           std::string credential)
    : observer_(observer),
      method_(method),
      kind_(listener.kind),
      credential_(std::move(credential)) {
  const Caller caller(context, listener);
  identity_ = caller.identity().value_or(std::string_view());
  peer_ = caller.PeerOf(context);
}

grpc::Status OperatorCall::End(const std::optional<ApiError>& error,
                               const std::vector<broker::FieldChange>& changes) const {
  if (!error.has_value()) {
    Observe("OK", "OK", DescribeChanges(changes));
    return grpc::Status::OK;
  }
  Observe(CodeName(error->code), error->reason, "");
  return ToGrpcStatus(*error);
}

grpc::Status OperatorCall::EndLeft() const {
  Observe("CANCELLED", "CANCELLED", "");
  return grpc::Status::CANCELLED;
}

void OperatorCall::Observe(std::string_view code, std::string_view reason,
                           std::string_view changes) const {
  observer_.OperatorCall(method_, telemetry::CallerHandle::Of(kind_, identity_), credential_, code,
                         reason, changes, peer_);
}

}  // namespace token_service::api
