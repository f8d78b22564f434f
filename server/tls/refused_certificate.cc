#include "server/tls/refused_certificate.h"

#include <dlfcn.h>
#include <openssl/bio.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <utility>

namespace token_service::tls {
namespace {

constexpr size_t kMostSubject = 256;

std::optional<RefusedCertificate>& Refused() {
  thread_local std::optional<RefusedCertificate> refused;
  return refused;
}

std::string SubjectOf(const X509* certificate) {
  std::string subject;
  BIO* const out = certificate == nullptr ? nullptr : BIO_new(BIO_s_mem());
  if (out == nullptr) return subject;
  X509_NAME_print_ex(out, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out, &text);
  if (size > 0) subject.assign(text, std::min(static_cast<size_t>(size), kMostSubject));
  BIO_free(out);
  return subject;
}

void NoteRefusedCertificate(X509_STORE_CTX* context) {
  const int code = X509_STORE_CTX_get_error(context);
  Refused() = RefusedCertificate{.subject = SubjectOf(X509_STORE_CTX_get0_cert(context)),
                                 .why = X509_verify_cert_error_string(code),
                                 .code = code};
}

}  // namespace

std::optional<RefusedCertificate> TakeRefusedCertificate() {
  return std::exchange(Refused(), std::nullopt);
}

}  // namespace token_service::tls

// Instead of OpenSSL's, for this whole program; libssl is who calls it, for gRPC and for libcurl.
extern "C" int X509_verify_cert(X509_STORE_CTX* context) {
  using namespace token_service::tls;  // NOLINT(google-build-using-namespace)
  using Verify = int (*)(X509_STORE_CTX*);
  static const auto verify = reinterpret_cast<Verify>(dlsym(RTLD_NEXT, "X509_verify_cert"));
  if (verify == nullptr) return -1;
  const int verdict = verify(context);
  if (verdict != 1) NoteRefusedCertificate(context);
  return verdict;
}
