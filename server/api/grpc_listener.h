#pragma once

#include <sys/stat.h>

#include <memory>
#include <optional>
#include <string>

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/api/credential_service.h"
#include "server/api/listener_info.h"
#include "server/api/tls_server_credentials.h"
#include "server/api/token_service.h"
#include "server/posix/acceptor.h"
#include "server/tls/reloading_certificate.h"

namespace token_service::api {

// One listening address with its gRPC server: TokenService, CredentialService, health
// (grpc.health.v1) and reflection. An address has a server of its own because gRPC tells a call's
// peer but not the socket it came in by, and the socket is the identity of plaintext callers. The
// sockets are ours and not gRPC's: docs/adr/0022-start.md.
class GrpcListener {
 public:
  struct Options {
    // Of every caller here; nullopt: their certificates tell.
    std::optional<std::string> identity;
    telemetry::CallerKind kind = telemetry::CallerKind::kPlaintext;
    // Null: plaintext. Outlives the listener.
    const tls::ReloadingCertificate* certificate = nullptr;
    // Enough for a refresh token and a client secret of 16 KiB each.
    int max_request_bytes = 64 * 1024;
    int max_concurrent_streams = 1000;  // Per connection.
    // Of the certificates; null: plaintext. Outlives the listener.
    const CertificateProof* proof = nullptr;
    // A connection takes no new calls after this, give or take a tenth, and is closed after as much
    // again, should there be calls left.
    absl::Duration connection_age = absl::InfiniteDuration();
  };

  // Serves nobody yet.
  static absl::StatusOr<std::unique_ptr<GrpcListener>> Create(
      posix::ListeningSockets sockets, const Options& options, const TokenServiceParts& parts,
      const CredentialServiceParts& operators);

  // As bound, with the real port.
  const std::string& address() const { return address_; }

  // A unix socket stands at its path from now on; who connects waits. Once.
  absl::Status Publish() { return acceptor_->Publish(); }

  // Serves from now on, those who have waited first. Health is NOT_SERVING until SetServing(true).
  // Once, after Publish.
  void Serve() { acceptor_->Accept(); }

  // Of a unix socket.
  void SetSocketMode(mode_t mode) { acceptor_->SetMode(mode); }

  // The health of `""` and of every service here. Who watches it hears of changes alone.
  void SetServing(bool serving);

  // No new calls; returns when the last has ended or at `deadline`, when what is left is cancelled.
  // Blocks.
  void Shutdown(absl::Time deadline);

 private:
  GrpcListener(std::unique_ptr<TokenServiceImpl> service,
               std::unique_ptr<CredentialServiceImpl> credentials)
      : service_(std::move(service)), credentials_(std::move(credentials)) {}

  std::string address_;
  absl::Mutex health_mutex_;
  std::optional<bool> serving_ ABSL_GUARDED_BY(health_mutex_);  // As last told.
  std::unique_ptr<TokenServiceImpl> service_;
  std::unique_ptr<CredentialServiceImpl> credentials_;
  std::unique_ptr<HandshakeCertificate> certificate_;  // Null: plaintext.
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> connections_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<posix::Acceptor> acceptor_;  // Stopped before the server is.
};

}  // namespace token_service::api
