#include "tests/tls/pem_files.h"

#include <openssl/bio.h>
#include <openssl/pem.h>

namespace token_service::tls {
namespace {

std::string TakeText(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(size));
  BIO_free(bio);
  return text;
}

}  // namespace

std::string PemOf(const X509& certificate) {
  BIO* const bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, &certificate);
  return TakeText(bio);
}

std::string PemOf(const EVP_PKEY& key) {
  BIO* const bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, &key, nullptr, nullptr, 0, nullptr, nullptr);
  return TakeText(bio);
}

PemFiles::PemFiles()
    : files_{.certificate_file = directory_.Path("cert.pem"),
             .private_key_file = directory_.Path("key.pem"),
             .client_ca_file = directory_.Path("ca.pem")} {
  const testing::KeyAndCertificate pair = Issue();
  Write(pair);
  WriteAuthority(PemOf(*pair.certificate));
}

void PemFiles::Write(const testing::KeyAndCertificate& pair) const {
  WriteCertificate(PemOf(*pair.certificate));
  WriteKey(PemOf(*pair.key));
}

}  // namespace token_service::tls
