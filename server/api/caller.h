#pragma once

#include <grpcpp/server_context.h>

#include <memory>
#include <optional>
#include <string_view>

#include "server/api/listener_info.h"
#include "server/telemetry/call_observer.h"

struct grpc_auth_context;

namespace token_service::api {

// Who makes a call: by the listener it came in by, or by the certificate of its connection. Cheap
// enough for every call: no lock, no allocation, nothing is copied.
class Caller {
 public:
  Caller(grpc::CallbackServerContext& context, const ListenerInfo& listener);

  // Nullopt: none that is acceptable (see authz::IdentityOf). Valid while this object is, and
  // `listener`.
  const std::optional<std::string_view>& identity() const { return identity_; }

  // As metrics and audit know it. Valid as long.
  telemetry::CallerHandle handle() const {
    return telemetry::CallerHandle::Of(kind_, identity_.value_or(std::string_view()));
  }

 private:
  struct Release {
    void operator()(grpc_auth_context* context) const;
  };

  // Of the connection. Holds the certificate's names.
  std::unique_ptr<grpc_auth_context, Release> connection_;
  std::optional<std::string_view> identity_;
  telemetry::CallerKind kind_;
};

}  // namespace token_service::api
