#pragma once

#include <string>

#include "server/tls/server_certificate.h"
#include "tests/app/scratch_dir.h"
#include "tests/http/test_certificates.h"

namespace token_service::tls {

std::string PemOf(const X509& certificate);
std::string PemOf(const EVP_PKEY& key);

// A server's files in a directory of the test's own: a good pair, and an authority of clients.
class PemFiles {
 public:
  PemFiles();

  // A pair of the authority's; a negative time makes it expired.
  testing::KeyAndCertificate Issue(long valid_for_seconds = 3600) const {
    return authority_.Issue("localhost", valid_for_seconds);
  }
  void Write(const testing::KeyAndCertificate& pair) const;
  void WriteCertificate(std::string_view text) const { directory_.Write("cert.pem", text); }
  void WriteKey(std::string_view text) const { directory_.Write("key.pem", text); }
  void WriteAuthority(std::string_view text) const { directory_.Write("ca.pem", text); }

  const CertificateFiles& files() const { return files_; }

 private:
  testing::TestAuthority authority_;
  app::ScratchDir directory_;
  CertificateFiles files_;
};

}  // namespace token_service::tls
