#include "token_service/channel.h"

#include <fstream>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

namespace token_service::client {
namespace {

absl::StatusOr<std::string> ReadPem(std::string_view option, const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.good() && !file.eof()) text.clear();
  if (!absl::StrContains(text, "-----BEGIN ")) {
    return absl::InvalidArgumentError(absl::StrCat("--",
                                                   absl::string_view(option.data(), option.size()),
                                                   ": ", path, " cannot be read or holds no PEM"));
  }
  return text;
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> TlsCredentials(
    const ChannelOptions& options) {
  if (options.tls_certificate_file.empty() != options.tls_private_key_file.empty()) {
    return absl::InvalidArgumentError(
        "--tls_certificate_file and --tls_private_key_file go together");
  }
  auto ca = ReadPem("tls_ca_file", options.tls_ca_file);
  if (!ca.ok()) return ca.status();
  auto certificate = ReadPem("tls_certificate_file", options.tls_certificate_file);
  if (!certificate.ok()) return certificate.status();
  auto key = ReadPem("tls_private_key_file", options.tls_private_key_file);
  if (!key.ok()) return key.status();
  return grpc::SslCredentials({*std::move(ca), *std::move(key), *std::move(certificate)});
}

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

absl::StatusOr<std::shared_ptr<grpc::Channel>> CreateChannel(const ChannelOptions& options) {
  if (options.server.empty()) return absl::InvalidArgumentError("--server is empty");
  const bool local = IsLocalTarget(options.server);
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (!local || WantsTls(options)) {
    auto tls = TlsCredentials(options);
    if (!tls.ok()) return tls.status();
    credentials = *std::move(tls);
  }
  grpc::ChannelArguments arguments;
  // http_proxy is meant for the world outside, not for this machine.
  if (local) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (!options.tls_server_name.empty()) {
    arguments.SetSslTargetNameOverride(options.tls_server_name);
  }
  return grpc::CreateCustomChannel(options.server, credentials, arguments);
}

}  // namespace token_service::client
