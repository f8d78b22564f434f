#pragma once

#include <grpcpp/server_context.h>

#include "server/api/api_error.h"
#include "server/api/caller.h"
#include "server/authz/call_limiter.h"
#include "server/base/clock.h"

namespace token_service::api {

// Whoever is denied may ask again so often: then it is told to wait, and nobody is told of it. By
// identity, or by address where there is none; of its calls only those count that were denied. Any
// thread.
class DenialLimit {
 public:
  static constexpr authz::CallRate kRate = {.per_second = 20, .burst = 100};

  explicit DenialLimit(const Clock& clock)
      : clock_(clock), limiter_(authz::CallLimiter::ForMany(kRate, /*most=*/4096)) {}

  // What a call is told that ends with `error`: that, or, where it is one denial too many, to wait.
  ApiError Judge(ApiError error, const grpc::CallbackServerContext& context,
                 const Caller& caller) const;

 private:
  const Clock& clock_;
  const std::shared_ptr<authz::CallLimiter> limiter_;
};

}  // namespace token_service::api
