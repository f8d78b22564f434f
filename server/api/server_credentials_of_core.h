#pragma once

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/version_info.h>

#include <memory>
#include <string>

namespace token_service::api {

// Credentials that gRPC's C API makes and its C++ API has no word for.
class ServerCredentialsOfCore final : public grpc::ServerCredentials {
 public:
  // Takes them over.
#if GRPC_CPP_VERSION_MAJOR == 1 && GRPC_CPP_VERSION_MINOR < 57
  explicit ServerCredentialsOfCore(grpc_server_credentials* credentials)
      : credentials_(credentials) {}
  ~ServerCredentialsOfCore() override { grpc_server_credentials_release(credentials_); }
#else
  explicit ServerCredentialsOfCore(grpc_server_credentials* credentials)
      : grpc::ServerCredentials(credentials) {}
#endif

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

#if GRPC_CPP_VERSION_MAJOR == 1 && GRPC_CPP_VERSION_MINOR < 57
 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  grpc_server_credentials* const credentials_;
#endif
};

}  // namespace token_service::api
