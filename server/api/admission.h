#pragma once

#include <grpcpp/server_context.h>

#include <atomic>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "server/api/api_error.h"
#include "server/api/caller.h"
#include "server/api/listener_info.h"
#include "server/authz/policy_in_force.h"
#include "server/base/clock.h"
#include "server/broker/token_cache.h"

namespace token_service::api {

// Whether a call for a token goes in: who calls, by one listener, and which credential is meant.
class Admission {
 public:
  // All outlive this object.
  Admission(ListenerInfo listener, const authz::PolicyInForce& policy,
            const broker::TokenCache& cache, const Clock& clock, const std::atomic<bool>& draining)
      : listener_(std::move(listener)),
        policy_(policy),
        cache_(cache),
        clock_(clock),
        draining_(draining) {}

  struct Admitted {
    Caller caller;
    std::string credential;
  };
  // `requested`: as the request has it, perhaps empty; nullopt: the request is no message of its
  // type.
  std::variant<Admitted, ApiError> Admit(grpc::CallbackServerContext& context, size_t request_bytes,
                                         std::optional<std::string_view> requested) const;

  const ListenerInfo& listener() const { return listener_; }

 private:
  const ListenerInfo listener_;
  const authz::PolicyInForce& policy_;
  const broker::TokenCache& cache_;
  const Clock& clock_;
  const std::atomic<bool>& draining_;
};

}  // namespace token_service::api
