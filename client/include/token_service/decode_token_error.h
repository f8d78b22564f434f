#pragma once

#include "grpcpp/support/status.h"
#include "token_service/token_error.h"

namespace token_service::client {

// Decodes grpc-status-details-bin. `status` is not OK; details that do not parse count as absent.
TokenError DecodeTokenError(const grpc::Status& status);

}  // namespace token_service::client
