#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/secret.h"

namespace token_service::tls {

// PEM files. Certificate and key may be one and the same file.
struct CertificateFiles {
  std::string certificate_file;  // The server's, then those that lead to its root.
  std::string private_key_file;  // Without a passphrase.
  std::string client_ca_file;    // Who vouches for clients. Empty: they present no certificates.

  friend bool operator==(const CertificateFiles&, const CertificateFiles&) = default;
};

// What a TLS server shows and whom it trusts, as PEM. The key belongs to the certificate: made by
// ReadServerCertificate only.
struct ServerCertificate {
  Secret chain;  // Secret: the file may hold the key as well.
  Secret private_key;
  std::string client_roots;  // Empty: no client is asked for a certificate.
  absl::Time expire_time;    // Of the server's certificate.

  friend bool operator==(const ServerCertificate&, const ServerCertificate&) = default;
};

// Reads the files and tries them out as a TLS server would. INVALID_ARGUMENT: one line,
// `KEY: PATH: what is wrong`, KEY being the name of a member of CertificateFiles; nothing that a
// file holds. An expired certificate is no error. Blocks.
absl::StatusOr<ServerCertificate> ReadServerCertificate(const CertificateFiles& files);

// Whether the file holds certificates of authorities, as PEM: one at least, and none that is
// broken. INVALID_ARGUMENT: one line, `PATH: what is wrong`. Blocks.
absl::Status CheckAuthorities(const std::string& path);

}  // namespace token_service::tls
