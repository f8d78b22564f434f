#pragma once

#include <memory>
#include <optional>
#include <string>

#include <grpcpp/server.h>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/api/credential_service.h"
#include "server/api/listener_info.h"
#include "server/api/tls_server_credentials.h"
#include "server/api/token_service.h"
#include "server/tls/reloading_certificate.h"

namespace token_service::api {

// One listening address with its gRPC server: TokenService, CredentialService, health
// (grpc.health.v1) and reflection. An address has a server of its own because gRPC tells a call's
// peer but not the socket it came in by, and the socket is the identity of plaintext callers.
class GrpcListener {
 public:
  struct Options {
    std::string address;  // As gRPC takes it: `127.0.0.1:0`, `unix:/run/x.sock`.
    // Of every caller here; nullopt: their certificates tell.
    std::optional<std::string> identity;
    telemetry::CallerKind kind = telemetry::CallerKind::kPlaintext;
    // Null: plaintext. Outlives the listener.
    const tls::ReloadingCertificate* certificate = nullptr;
    // Enough for a refresh token and a client secret of 16 KiB each.
    int max_request_bytes = 64 * 1024;
    int max_concurrent_streams = 1000;  // Per connection.
  };

  // UNAVAILABLE: the address cannot be bound. Serves at once, health NOT_SERVING until
  // SetServing(true).
  static absl::StatusOr<std::unique_ptr<GrpcListener>> Create(
      const Options& options, const TokenServiceParts& parts,
      const CredentialServiceParts& operators);

  // As bound, with the real port.
  const std::string& address() const { return address_; }

  // The health of `""` and of every service here.
  void SetServing(bool serving);

  // No new calls; returns when the last has ended or at `deadline`, when what is left is cancelled.
  // Blocks.
  void Shutdown(absl::Time deadline);

 private:
  GrpcListener(std::unique_ptr<TokenServiceImpl> service,
               std::unique_ptr<CredentialServiceImpl> credentials)
      : service_(std::move(service)), credentials_(std::move(credentials)) {}

  std::string address_;
  std::unique_ptr<TokenServiceImpl> service_;
  std::unique_ptr<CredentialServiceImpl> credentials_;
  std::unique_ptr<HandshakeCertificate> certificate_;  // Null: plaintext.
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace token_service::api
