#pragma once

#include <optional>
#include <string>

namespace token_service::tls {

// A certificate that OpenSSL did not accept. gRPC and libcurl say no more of it than that.
struct RefusedCertificate {
  std::string subject;  // `CN=billing,O=Example`, at most 256 bytes of whatever it holds.
  std::string why;      // OpenSSL's words: `certificate has expired`.
  int code = 0;         // X509_V_ERR_…
};

// The last that was refused on this thread since this was asked, for whoever hears on the same
// thread that a handshake has failed. This program has an X509_verify_cert of its own for this, in
// front of OpenSSL's.
std::optional<RefusedCertificate> TakeRefusedCertificate();

}  // namespace token_service::tls
