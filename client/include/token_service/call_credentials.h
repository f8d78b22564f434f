#pragma once

#include <memory>

#include "grpcpp/security/credentials.h"
#include "token_service/token_source.h"

namespace token_service::client {

// Puts `authorization: Bearer …` on every call of a gRPC API: for CompositeChannelCredentials or
// ClientContext::set_credentials. A call waits for nothing: without a token it fails with
// UNAVAILABLE and the reason in the message. gRPC sends them over TLS (or grpc::LocalCredentials)
// only. After a call that ended UNAUTHENTICATED, tell TokenSource::Rejected.
std::shared_ptr<grpc::CallCredentials> MakeCallCredentials(
    std::shared_ptr<const TokenSource> source);

}  // namespace token_service::client
