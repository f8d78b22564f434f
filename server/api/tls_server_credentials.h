#pragma once

#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/tls/reloading_certificate.h"

struct grpc_ssl_server_certificate_config;

namespace token_service::api {

// What one listener's TLS asks at each handshake: is there another certificate? TLS 1.2 at least.
// Outlives the server of its listener. Any thread.
class HandshakeCertificate {
 public:
  explicit HandshakeCertificate(const tls::ReloadingCertificate& source) : source_(source) {}

  // Clients must present a certificate that one of `client_roots` vouches for, or, when there are
  // no roots at the time of this call, are asked for none.
  std::shared_ptr<grpc::ServerCredentials> MakeCredentials();

  // For gRPC, once for each handshake. Null: the same as the last time. Else the caller's to free.
  grpc_ssl_server_certificate_config* TakeNew();

 private:
  const tls::ReloadingCertificate& source_;
  absl::Mutex mutex_;
  std::shared_ptr<const tls::ServerCertificate> last_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace token_service::api
