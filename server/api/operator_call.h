#pragma once

#include <grpcpp/server_context.h>

#include <optional>
#include <string>
#include <vector>

#include "server/api/api_error.h"
#include "server/api/listener_info.h"
#include "server/broker/credential_status.h"
#include "server/telemetry/call_observer.h"

namespace token_service::api {

// A call of CredentialService, as metrics and audit know it: copied, since it may end when its
// caller has left.
class OperatorCall {
 public:
  OperatorCall(telemetry::CallObserver& observer, const ListenerInfo& listener,
               grpc::CallbackServerContext& context, telemetry::Method method,
               std::string credential);

  // The status it ends with, once it is observed. Nullopt: OK, and this is what it changed.
  grpc::Status End(const std::optional<ApiError>& error,
                   const std::vector<broker::FieldChange>& changes = {}) const;
  // The caller has left, or its deadline has passed.
  grpc::Status EndLeft() const;

 private:
  void Observe(std::string_view code, std::string_view reason, std::string_view changes) const;

  telemetry::CallObserver& observer_;
  telemetry::Method method_;
  telemetry::CallerKind kind_;
  std::string identity_;
  std::string credential_;
  std::string peer_;
};

}  // namespace token_service::api
