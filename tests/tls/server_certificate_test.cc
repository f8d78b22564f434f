#include "server/tls/server_certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/time/clock.h"
#include "tests/tls/pem_files.h"

namespace token_service::tls {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string ErrorOf(const CertificateFiles& files) {
  const auto read = ReadServerCertificate(files);
  EXPECT_TRUE(absl::IsInvalidArgument(read.status())) << read.status();
  return std::string(read.status().message());
}

TEST(ServerCertificateTest, ReadsAMatchingPairAndItsAuthority) {
  const PemFiles pem;
  const auto read = ReadServerCertificate(pem.files());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(std::string(read->chain.Reveal()), HasSubstr("BEGIN CERTIFICATE"));
  EXPECT_THAT(std::string(read->private_key.Reveal()), HasSubstr("BEGIN PRIVATE KEY"));
  EXPECT_THAT(read->client_roots, HasSubstr("BEGIN CERTIFICATE"));
  EXPECT_GT(read->expire_time, absl::Now() + absl::Minutes(50));
  EXPECT_LT(read->expire_time, absl::Now() + absl::Minutes(70));
}

TEST(ServerCertificateTest, WithoutAnAuthorityThereAreNoRoots) {
  const PemFiles pem;
  CertificateFiles files = pem.files();
  files.client_ca_file.clear();
  const auto read = ReadServerCertificate(files);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->client_roots, "");
}

TEST(ServerCertificateTest, AnExpiredPairIsRead) {
  const PemFiles pem;
  pem.Write(pem.Issue(-60));
  const auto read = ReadServerCertificate(pem.files());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_LT(read->expire_time, absl::Now());
}

TEST(ServerCertificateTest, CertificateAndKeyMayShareAFile) {
  const PemFiles pem;
  const auto pair = pem.Issue();
  pem.WriteCertificate(PemOf(*pair.key) + PemOf(*pair.certificate));
  CertificateFiles files = pem.files();
  files.private_key_file = files.certificate_file;
  EXPECT_TRUE(ReadServerCertificate(files).ok());
}

TEST(ServerCertificateTest, TheKeyOfAnotherCertificateIsRefused) {
  const PemFiles pem;
  pem.WriteKey(PemOf(*pem.Issue().key));
  EXPECT_THAT(ErrorOf(pem.files()), StartsWith("private_key_file: " + pem.files().private_key_file +
                                               ": does not match the certificate in "));
}

TEST(ServerCertificateTest, ABrokenSecondCertificateIsRefused) {
  const PemFiles pem;
  const auto pair = pem.Issue();
  const std::string text = PemOf(*pair.certificate);
  pem.Write(pair);
  pem.WriteCertificate(text + text.substr(0, text.size() / 2));
  EXPECT_THAT(ErrorOf(pem.files()), StartsWith("certificate_file: "));
}

TEST(ServerCertificateTest, AKeyTooWeakForTlsIsRefused) {
  const PemFiles pem;
  testing::KeyAndCertificate weak = pem.Issue();
  weak.key.reset(EVP_RSA_gen(1024));
  X509_set_pubkey(weak.certificate.get(), weak.key.get());
  X509_sign(weak.certificate.get(), weak.key.get(), EVP_sha256());
  pem.Write(weak);
  EXPECT_THAT(ErrorOf(pem.files()), HasSubstr("too weak"));
}

TEST(ServerCertificateTest, AKeyWithAPassphraseIsRefusedWithoutAsking) {
  const PemFiles pem;
  const auto pair = pem.Issue();
  pem.Write(pair);
  std::FILE* const file = std::fopen(pem.files().private_key_file.c_str(), "w");
  PEM_write_PKCS8PrivateKey(file, pair.key.get(), EVP_aes_128_cbc(), "word", 4, nullptr, nullptr);
  std::fclose(file);
  EXPECT_THAT(ErrorOf(pem.files()), HasSubstr("without a passphrase"));
}

TEST(ServerCertificateTest, ErrorsQuoteNothingOfAFile) {
  const PemFiles pem;
  pem.WriteKey("-----BEGIN PRIVATE KEY-----\nsentinel\n-----END PRIVATE KEY-----\n");
  EXPECT_THAT(ErrorOf(pem.files()), Not(HasSubstr("sentinel")));
}

TEST(ServerCertificateTest, WhatIsNoTextFileIsRefusedWithItsKey) {
  const PemFiles pem;
  pem.WriteAuthority(std::string("\0\0", 2));
  EXPECT_THAT(ErrorOf(pem.files()), StartsWith("client_ca_file: "));
  pem.WriteAuthority(std::string(5 << 20, 'x'));
  EXPECT_THAT(ErrorOf(pem.files()), HasSubstr("is longer than"));
  unlink(pem.files().client_ca_file.c_str());
  EXPECT_THAT(ErrorOf(pem.files()), HasSubstr("No such file"));
  ASSERT_EQ(mkfifo(pem.files().client_ca_file.c_str(), 0600), 0);
  EXPECT_THAT(ErrorOf(pem.files()), HasSubstr("not a regular file"));
}

}  // namespace
}  // namespace token_service::tls
