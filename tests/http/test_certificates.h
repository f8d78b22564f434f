#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace token_service::testing {

struct OpenSslDeleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
template <typename T>
using OpenSslPtr = std::unique_ptr<T, OpenSslDeleter>;

struct KeyAndCertificate {
  OpenSslPtr<EVP_PKEY> key;
  OpenSslPtr<X509> certificate;
};

// A certificate authority of one test's own.
class TestAuthority {
 public:
  TestAuthority();
  ~TestAuthority();

  // For the DNS name `host`, from an hour ago until `valid_for_seconds` from now.
  KeyAndCertificate Issue(const std::string& host, long valid_for_seconds = 3600) const;

  // The authority's certificate, PEM. Removed with this object.
  const std::string& file() const { return file_; }

 private:
  KeyAndCertificate authority_;
  std::string file_;
};

}  // namespace token_service::testing
