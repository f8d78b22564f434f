#include "server/api/tls_server_credentials.h"

#include <grpc/grpc_security.h>

#include <string>
#include <utility>

#include "server/api/server_credentials_of_core.h"
#include "server/base/secret.h"

namespace token_service::api {
namespace {

grpc_ssl_certificate_config_reload_status OnHandshake(void* certificate,
                                                      grpc_ssl_server_certificate_config** config) {
  *config = static_cast<HandshakeCertificate*>(certificate)->TakeNew();
  return *config == nullptr ? GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED
                            : GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

}  // namespace

std::shared_ptr<grpc::ServerCredentials> HandshakeCertificate::MakeCredentials() {
  const auto request = source_.Current()->client_roots.empty()
                           ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                           : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
  // gRPC's C++ API has no certificate that is asked for at each handshake, its C API has: see
  // docs/adr/0007-certificates-swap-as-a-pair.md.
  return std::make_shared<ServerCredentialsOfCore>(grpc_ssl_server_credentials_create_with_options(
      grpc_ssl_server_credentials_create_options_using_config_fetcher(request, OnHandshake, this)));
}

grpc_ssl_server_certificate_config* HandshakeCertificate::TakeNew() {
  std::shared_ptr<const tls::ServerCertificate> current = source_.Current();
  absl::MutexLock lock(&mutex_);
  if (last_ == current) return nullptr;
  std::string key(current->private_key.Reveal());
  std::string chain(current->chain.Reveal());
  const grpc_ssl_pem_key_cert_pair pair{.private_key = key.c_str(), .cert_chain = chain.c_str()};
  // Debian's gRPC insists on roots, and looks at them only when clients present certificates.
  const char* const roots =
      current->client_roots.empty() ? chain.c_str() : current->client_roots.c_str();
  grpc_ssl_server_certificate_config* const config =
      grpc_ssl_server_certificate_config_create(roots, &pair, 1);
  WipeString(key);
  WipeString(chain);
  last_ = std::move(current);
  return config;
}

}  // namespace token_service::api
