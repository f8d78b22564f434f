#include "server/api/denial_limit.h"

#include <optional>
#include <string>
#include <utility>

#include "server/telemetry/denial_fold.h"

namespace token_service::api {

ApiError DenialLimit::Judge(ApiError error, const grpc::CallbackServerContext& context,
                            const Caller& caller) const {
  if (error.code != grpc::UNAUTHENTICATED && error.code != grpc::PERMISSION_DENIED) return error;
  std::optional<absl::Duration> wait;
  if (caller.identity().has_value()) {
    wait = limiter_->Take(*caller.identity(), clock_.Now());
  } else {
    // No identity begins with a colon.
    const std::string peer = caller.PeerOf(context);
    wait = limiter_->Take(":" + std::string(telemetry::PeerHost(peer)), clock_.Now());
  }
  if (!wait.has_value()) return error;
  return CalledTooOften(*wait, error.credential);
}

}  // namespace token_service::api
