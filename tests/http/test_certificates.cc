#include "tests/http/test_certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace token_service::testing {
namespace {

void Require(bool good) {
  if (good) return;
  std::fputs("OpenSSL cannot make test certificates\n", stderr);
  std::abort();
}

void AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  Require(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

KeyAndCertificate Unsigned(const std::string& name, long valid_for_seconds) {
  static std::atomic<long> serial = 1;
  KeyAndCertificate made{OpenSslPtr<EVP_PKEY>(EVP_EC_gen("P-256")), OpenSslPtr<X509>(X509_new())};
  X509* const certificate = made.certificate.get();
  Require(made.key != nullptr && certificate != nullptr);
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), valid_for_seconds);
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return made;
}

}  // namespace

TestAuthority::TestAuthority() : authority_(Unsigned("Test Authority", 3600)) {
  X509* const certificate = authority_.certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  AddExtension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(certificate, certificate, NID_subject_key_identifier, "hash");
  Require(X509_sign(certificate, authority_.key.get(), EVP_sha256()) != 0);

  std::string name = "/tmp/token-service-test-ca-XXXXXX";
  const int fd = mkstemp(name.data());
  Require(fd >= 0);
  std::FILE* file = fdopen(fd, "w");
  Require(file != nullptr && PEM_write_X509(file, certificate) == 1);
  std::fclose(file);
  file_ = name;
}

TestAuthority::~TestAuthority() { unlink(file_.c_str()); }

KeyAndCertificate TestAuthority::Issue(const std::string& host, long valid_for_seconds) const {
  KeyAndCertificate issued = Unsigned(host, valid_for_seconds);
  X509* const certificate = issued.certificate.get();
  X509* const authority = authority_.certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(authority));
  AddExtension(certificate, authority, NID_subject_alt_name, "DNS:" + host);
  AddExtension(certificate, authority, NID_authority_key_identifier, "keyid");
  Require(X509_sign(certificate, authority_.key.get(), EVP_sha256()) != 0);
  return issued;
}

}  // namespace token_service::testing
