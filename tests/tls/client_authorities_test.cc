#include "server/tls/client_authorities.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "absl/time/clock.h"
#include "server/tls/refused_certificate.h"
#include "tests/http/test_certificates.h"
#include "tests/tls/pem_files.h"

namespace token_service::tls {
namespace {

std::string TextOf(const std::string& file) {
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

class ClientAuthoritiesTest : public ::testing::Test {
 protected:
  const testing::TestAuthority ours_;
  const testing::TestAuthority others_;
};

TEST_F(ClientAuthoritiesTest, VouchForTheirOwnUntilItsEnd) {
  const auto authorities = ClientAuthorities::Create(TextOf(ours_.file()));
  ASSERT_NE(authorities, nullptr);
  const std::string brief = PemOf(*ours_.Issue("client", 100).certificate);
  const absl::Duration left = authorities->VouchedUntil(brief, "") - absl::Now();
  EXPECT_GT(left, absl::Seconds(90));
  EXPECT_LE(left, absl::Seconds(101));
  // It has passed: who asks compares.
  const std::string old = PemOf(*ours_.Issue("client", -100).certificate);
  EXPECT_LT(authorities->VouchedUntil(old, ""), absl::Now());
  EXPECT_NE(authorities->VouchedUntil(old, ""), absl::InfinitePast());
}

TEST_F(ClientAuthoritiesTest, VouchForNobodyElse) {
  const auto authorities = ClientAuthorities::Create(TextOf(ours_.file()));
  const std::string theirs = PemOf(*others_.Issue("client").certificate);
  EXPECT_EQ(authorities->VouchedUntil(theirs, ""), absl::InfinitePast());
  // Whatever it brings along.
  EXPECT_EQ(authorities->VouchedUntil(theirs, TextOf(others_.file())), absl::InfinitePast());
  for (const char* none :
       {"", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}) {
    EXPECT_EQ(authorities->VouchedUntil(none, none), absl::InfinitePast());
  }
}

TEST_F(ClientAuthoritiesTest, SeveralVouchTogether) {
  const auto both = ClientAuthorities::Create(TextOf(ours_.file()) + TextOf(others_.file()));
  for (const testing::TestAuthority* one : {&ours_, &others_}) {
    EXPECT_GT(both->VouchedUntil(PemOf(*one->Issue("client").certificate), ""), absl::Now());
  }
  EXPECT_EQ(ClientAuthorities::Create(""), nullptr);
}

// This check is no handshake; where one fails, why is known on that thread, once.
TEST_F(ClientAuthoritiesTest, ARefusalHereIsNoHandshakes) {
  const auto authorities = ClientAuthorities::Create(TextOf(ours_.file()));
  (void)authorities->VouchedUntil(PemOf(*others_.Issue("client").certificate), "");
  EXPECT_FALSE(TakeRefusedCertificate().has_value());
}

}  // namespace
}  // namespace token_service::tls
