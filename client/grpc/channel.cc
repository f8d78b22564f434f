#include "token_service/channel.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "client/grpc/channel_from_files.h"
#include "client/grpc/tls_files.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

namespace token_service::client {
namespace {

bool WantsTls(const ChannelOptions& options) {
  return !options.tls_ca_file.empty() || !options.tls_certificate_file.empty() ||
         !options.tls_private_key_file.empty() || !options.tls_server_name.empty();
}

}  // namespace

bool IsLocalTarget(std::string_view target) {
  absl::string_view rest(target.data(), target.size());
  if (absl::StartsWith(rest, "unix:") || absl::StartsWith(rest, "unix-abstract:")) return true;
  // A DNS authority (dns://resolver/host) decides where the name leads: only the empty one is
  // known.
  for (absl::string_view scheme : {"dns:///", "dns:", "ipv4:", "ipv6:"}) {
    if (absl::ConsumePrefix(&rest, scheme)) break;
  }
  if (absl::StrContains(rest, ",")) return false;
  if (absl::StartsWith(rest, "[::1]") || rest == "::1") return true;
  const absl::string_view host = rest.substr(0, rest.find(':'));
  if (host == "localhost") return true;
  return absl::StartsWith(host, "127.") &&
         host.find_first_not_of("0123456789.") == absl::string_view::npos;
}

std::shared_ptr<grpc::Channel> ChannelFromFiles(const ChannelOptions& options,
                                                const TlsFiles& files,
                                                grpc::ChannelArguments arguments) {
  const bool local = IsLocalTarget(options.server);
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (!local || WantsTls(options)) {
    credentials = grpc::SslCredentials({files.ca, files.private_key, files.certificate});
  }
  // http_proxy is meant for the world outside, not for this machine.
  if (local) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (!options.tls_server_name.empty()) {
    arguments.SetSslTargetNameOverride(options.tls_server_name);
  }
  return grpc::CreateCustomChannel(options.server, credentials, arguments);
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> CreateChannel(const ChannelOptions& options) {
  if (options.server.empty()) return absl::InvalidArgumentError("--server is empty");
  const auto files = ReadTlsFiles(options);
  if (!files.ok()) return files.status();
  return ChannelFromFiles(options, *files, {});
}

}  // namespace token_service::client
