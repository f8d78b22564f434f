#include "server/jose/signing_key.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/jose/test_keys.h"

namespace token_service::jose {
namespace {

using testing::NewEcKey;
using testing::NewEd25519Key;
using testing::NewRsaKey;
using testing::TestKey;
using testing::Verifies;

absl::StatusOr<SigningKey> Read(std::string_view pem, std::string_view algorithm = "") {
  return SigningKey::FromPem(Secret(pem), algorithm);
}

std::string ErrorOf(std::string_view pem, std::string_view algorithm = "") {
  const auto key = Read(pem, algorithm);
  EXPECT_EQ(key.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(key.status().message());
}

void ExpectSigns(const TestKey& pair, std::string_view wanted, std::string_view algorithm) {
  const auto key = Read(pair.private_pem, wanted);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->algorithm(), algorithm);
  for (int i = 0; i < 20; ++i) {  // An ES256 signature has leading zeros now and then.
    const std::string text = "a.b" + std::to_string(i);
    const auto signature = key->Sign(text);
    ASSERT_TRUE(signature.ok()) << signature.status();
    EXPECT_TRUE(Verifies(pair, algorithm, text, *signature));
    EXPECT_FALSE(Verifies(pair, algorithm, text + "x", *signature));
  }
}

TEST(SigningKey, AnRsaKeySignsRs256) { ExpectSigns(NewRsaKey(), "", "RS256"); }
TEST(SigningKey, AnRsaKeySignsPs256WhenAsked) { ExpectSigns(NewRsaKey(), "PS256", "PS256"); }
TEST(SigningKey, AnEcKeySignsEs256) { ExpectSigns(NewEcKey(), "", "ES256"); }

TEST(SigningKey, AnEs256SignatureIsSixtyFourBytes) {
  const auto key = Read(NewEcKey().private_pem);
  for (int i = 0; i < 600; ++i) EXPECT_EQ(key->Sign(std::to_string(i))->size(), 64u);
}

TEST(SigningKey, ReadsTheFirstKeyWhateverStandsAroundIt) {
  const TestKey pair = NewEcKey();
  EXPECT_TRUE(Read("Bag Attributes\n" + pair.private_pem + "\ntrailing").ok());
}

TEST(SigningKey, RefusesWhatIsNoKeyOrTooWeak) {
  const std::string pem = NewEcKey().private_pem;
  EXPECT_EQ(ErrorOf(""), "holds no private key in PEM form");
  EXPECT_EQ(ErrorOf("hush"), "holds no private key in PEM form");
  EXPECT_EQ(ErrorOf(NewEcKey().public_pem), "holds no private key in PEM form");
  EXPECT_EQ(ErrorOf(pem.substr(0, pem.size() / 2)), "holds no private key in PEM form");
  EXPECT_EQ(ErrorOf(testing::WithPassphrase(NewEcKey())), "holds a key that needs a passphrase");
  EXPECT_EQ(ErrorOf(NewRsaKey(1024).private_pem), "holds an RSA key of less than 2048 bits");
  EXPECT_EQ(ErrorOf(NewEcKey("P-384").private_pem), "holds an EC key on another curve than P-256");
  EXPECT_EQ(ErrorOf(NewEcKey("secp256k1").private_pem),
            "holds an EC key on another curve than P-256");
  EXPECT_EQ(ErrorOf(NewEd25519Key().private_pem), "holds a key that is neither RSA nor EC");
}

TEST(SigningKey, FindsOutThatAKeysHalvesDoNotBelongTogether) {
  const auto mismatched = Read(testing::MismatchedEcKey());
  ASSERT_TRUE(mismatched.ok()) << mismatched.status();
  EXPECT_EQ(mismatched->TryOut().message(), "holds a private key that does not work");
  EXPECT_TRUE(Read(NewEcKey().private_pem)->TryOut().ok());
  EXPECT_TRUE(Read(NewRsaKey().private_pem, "RS256")->TryOut().ok());
  EXPECT_TRUE(Read(NewRsaKey().private_pem, "PS256")->TryOut().ok());
}

TEST(SigningKey, RefusesAnAlgorithmThatIsNotTheKeys) {
  EXPECT_EQ(ErrorOf(NewRsaKey().private_pem, "ES256"),
            "holds an RSA key, with which ES256 cannot be signed");
  EXPECT_EQ(ErrorOf(NewEcKey().private_pem, "RS256"),
            "holds an EC key, with which RS256 cannot be signed");
  EXPECT_EQ(ErrorOf(NewEcKey().private_pem, "PS256"),
            "holds an EC key, with which PS256 cannot be signed");
  EXPECT_EQ(ErrorOf(NewEcKey().private_pem, "HS256"), "expected RS256, PS256 or ES256");
  EXPECT_EQ(ErrorOf(NewEcKey().private_pem, "none"), "expected RS256, PS256 or ES256");
}

}  // namespace
}  // namespace token_service::jose
