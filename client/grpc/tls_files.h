#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "token_service/channel_options.h"

namespace token_service::client {

// What the tls_ files of ChannelOptions say at one moment.
struct TlsFiles {
  TlsFiles() = default;
  TlsFiles(TlsFiles&&) = default;
  TlsFiles& operator=(TlsFiles&&) = default;
  ~TlsFiles();  // Wipes the key.

  friend bool operator==(const TlsFiles& a, const TlsFiles& b) = default;

  std::string ca;  // Each is empty when the option is.
  std::string certificate;
  std::string private_key;
};

// INVALID_ARGUMENT names the option: a file that is unreadable or no PEM, a half of a pair. Blocks.
absl::StatusOr<TlsFiles> ReadTlsFiles(const ChannelOptions& options);

}  // namespace token_service::client
