#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include "server/base/clock.h"
#include "server/broker/access_token.h"

namespace token_service::api {

// A token's GetAccessTokenResponse, serialised once: all of it but `expires_in`, which changes and
// follows in a few bytes of its own (a message's fields may come in any order). Every call that
// answers with the token sends these same bytes: gRPC counts references to them.
//
// They are wiped when the last call that sends them is done. What gRPC, OpenSSL and the kernel copy
// on the way out is beyond us: TLS records being made, the socket's buffer, and up to 23 bytes
// where a write ends within the token.
class PreparedToken final : public broker::PreparedAnswer {
 public:
  // The one kept with the token, made when it is first asked for.
  static const PreparedToken& Of(const broker::AccessToken& token);

  explicit PreparedToken(const broker::AccessToken& token);

  // GetAccessTokenResponse, with what is left of the token at `now`, zero at least.
  grpc::ByteBuffer Response(MonotonicTime now) const;
  // The same inside of a WatchAccessTokenResponse.
  grpc::ByteBuffer WatchResponse(MonotonicTime now) const;

 private:
  const MonotonicTime expires_;
  const grpc::Slice fixed_;
};

}  // namespace token_service::api
