#include "client/grpc/tls_files.h"

#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/core/wipe.h"

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

}  // namespace

TlsFiles::~TlsFiles() { WipeString(private_key); }

absl::StatusOr<TlsFiles> ReadTlsFiles(const ChannelOptions& options) {
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
  TlsFiles files;
  files.ca = *std::move(ca);
  files.certificate = *std::move(certificate);
  files.private_key = *std::move(key);
  return files;
}

}  // namespace token_service::client
