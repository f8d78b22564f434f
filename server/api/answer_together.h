#pragma once

#include <grpcpp/server_context.h>

#include "server/base/clock.h"

namespace token_service::api {

// To be called before a call is finished that had not to wait: its answer leaves together with
// those of the calls that came with it (net::HeldSends).
void AnswerTogether(grpc::CallbackServerContext& context, MonotonicTime now);

}  // namespace token_service::api
