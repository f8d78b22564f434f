#include "tests/sandbox/token_authority.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/testing/fake_clock.h"

namespace token_service::sandbox {
namespace {

using testing::FakeClock;

class TokenAuthorityTest : public ::testing::Test {
 protected:
  // Different bytes at every call.
  std::string NextBytes(size_t size) {
    ++draws_;
    std::string bytes(size, '\0');
    for (size_t i = 0; i < size && i < sizeof(draws_); ++i) {
      bytes[i] = static_cast<char>(draws_ >> (8 * i));
    }
    return bytes;
  }

  TokenAuthority Authority(TokenPolicy policy = {}) {
    return TokenAuthority(
        std::move(policy), [this](size_t size) { return NextBytes(size); }, clock_);
  }

  static TokenAnswer Granted(TokenAuthority& authority, const std::string& refresh_token) {
    ExchangeOutcome outcome = authority.Exchange(refresh_token, "sandbox");
    const TokenAnswer* answer = std::get_if<TokenAnswer>(&outcome);
    EXPECT_NE(answer, nullptr) << std::get<Refusal>(outcome).description;
    return answer != nullptr ? *answer : TokenAnswer{};
  }

  static bool Refused(TokenAuthority& authority, const std::string& refresh_token) {
    const ExchangeOutcome outcome = authority.Exchange(refresh_token, "sandbox");
    const Refusal* refusal = std::get_if<Refusal>(&outcome);
    return refusal != nullptr && refusal->error == OAuthError::kInvalidGrant;
  }

  FakeClock clock_;
  uint64_t draws_ = 0;
};

TEST_F(TokenAuthorityTest, RefreshTokenIs32BytesInBase64) {
  TokenAuthority authority = Authority();
  const std::string minted = authority.Mint("demo");
  EXPECT_EQ(minted.size(), 44u);
  EXPECT_EQ(minted.back(), '=');
  EXPECT_EQ(Granted(authority, minted).refresh_token->size(), 44u);
}

TEST_F(TokenAuthorityTest, ExchangeGivesAGoodAccessTokenAndANewRefreshToken) {
  TokenAuthority authority = Authority();
  const std::string minted = authority.Mint("demo");
  const TokenAnswer answer = Granted(authority, minted);
  EXPECT_EQ(authority.Verify(answer.access_token), "demo");
  EXPECT_NE(answer.refresh_token, minted);
  Granted(authority, *answer.refresh_token);
}

TEST_F(TokenAuthorityTest, TwoAccessTokensOfOneMomentDiffer) {
  TokenAuthority authority = Authority();
  const TokenAnswer first = Granted(authority, authority.Mint("demo"));
  const TokenAnswer second = Granted(authority, *first.refresh_token);
  EXPECT_NE(first.access_token, second.access_token);
}

TEST_F(TokenAuthorityTest, AnHourIsAnnouncedAs3599Seconds) {
  TokenAuthority authority = Authority();
  EXPECT_EQ(Granted(authority, authority.Mint("demo")).expires_in, 3599);
}

TEST_F(TokenAuthorityTest, AnnouncedLifetimeIsNeverLongerThanTheRealOne) {
  for (const absl::Duration ttl : {absl::Seconds(1), absl::Milliseconds(4500), absl::Seconds(59),
                                   absl::Minutes(1), absl::Hours(1)}) {
    clock_.Advance(absl::Milliseconds(333));
    TokenAuthority authority = Authority({.ttl = ttl});
    const TokenAnswer answer = Granted(authority, authority.Mint("demo"));
    EXPECT_GT(answer.expires_in, 0);
    clock_.Advance(absl::Seconds(answer.expires_in) - absl::Milliseconds(1));
    EXPECT_TRUE(authority.Verify(answer.access_token)) << ttl;
  }
}

TEST_F(TokenAuthorityTest, AccessTokenDiesOnTime) {
  TokenAuthority authority = Authority({.ttl = absl::Seconds(4)});
  clock_.Advance(absl::Milliseconds(700));
  const TokenAnswer answer = Granted(authority, authority.Mint("demo"));
  clock_.Advance(absl::Milliseconds(3999));
  EXPECT_TRUE(authority.Verify(answer.access_token));
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_FALSE(authority.Verify(answer.access_token));
}

TEST_F(TokenAuthorityTest, OlderAccessTokensOutliveARotation) {
  TokenAuthority authority = Authority();
  const TokenAnswer first = Granted(authority, authority.Mint("demo"));
  Granted(authority, *first.refresh_token);
  EXPECT_TRUE(authority.Verify(first.access_token));
}

TEST_F(TokenAuthorityTest, ReuseRevokesTheFamilyAndItsAccessTokens) {
  TokenAuthority authority = Authority();
  const std::string minted = authority.Mint("demo");
  const TokenAnswer answer = Granted(authority, minted);
  EXPECT_TRUE(Refused(authority, minted));
  EXPECT_TRUE(Refused(authority, *answer.refresh_token));
  EXPECT_FALSE(authority.Verify(answer.access_token));
  const AuthorityStats stats = authority.Stats();
  EXPECT_EQ(stats.reuse_detected, 1);
  EXPECT_EQ(stats.credentials.at(0).reuse_detected, 1);
  EXPECT_TRUE(stats.credentials.at(0).revoked);
}

TEST_F(TokenAuthorityTest, ReuseOfATokenSpentLongAgoIsStillDetected) {
  TokenAuthority authority = Authority();
  const std::string minted = authority.Mint("demo");
  std::string token = minted;
  for (int i = 0; i < 20; ++i) token = *Granted(authority, token).refresh_token;
  EXPECT_TRUE(Refused(authority, minted));
  EXPECT_TRUE(Refused(authority, token));
}

TEST_F(TokenAuthorityTest, ReuseTouchesNoOtherCredential) {
  TokenAuthority authority = Authority();
  const std::string other = authority.Mint("other");
  const std::string minted = authority.Mint("demo");
  Granted(authority, minted);
  EXPECT_TRUE(Refused(authority, minted));
  Granted(authority, other);
}

TEST_F(TokenAuthorityTest, WithoutReuseDetectionASpentTokenIsOnlyRefused) {
  TokenAuthority authority = Authority({.reuse_detection = false});
  const std::string minted = authority.Mint("demo");
  const TokenAnswer answer = Granted(authority, minted);
  EXPECT_TRUE(Refused(authority, minted));
  EXPECT_EQ(authority.Stats().reuse_detected, 0);
  Granted(authority, *answer.refresh_token);
}

TEST_F(TokenAuthorityTest, WithinTheGraceTheSpentTokenFetchesTheSameAnswer) {
  TokenAuthority authority = Authority({.grace = absl::Seconds(5)});
  const std::string minted = authority.Mint("demo");
  const TokenAnswer lost = Granted(authority, minted);
  clock_.Advance(absl::Seconds(5));
  const TokenAnswer again = Granted(authority, minted);
  EXPECT_EQ(again.access_token, lost.access_token);
  EXPECT_EQ(again.refresh_token, lost.refresh_token);
  EXPECT_EQ(authority.Stats().credentials.at(0).rotations, 1);
}

TEST_F(TokenAuthorityTest, AfterTheGraceTheSpentTokenIsReuse) {
  TokenAuthority authority = Authority({.grace = absl::Seconds(5)});
  const std::string minted = authority.Mint("demo");
  Granted(authority, minted);
  clock_.Advance(absl::Seconds(5) + absl::Milliseconds(1));
  EXPECT_TRUE(Refused(authority, minted));
  EXPECT_EQ(authority.Stats().reuse_detected, 1);
}

TEST_F(TokenAuthorityTest, GraceEndsWhenTheSuccessorIsUsed) {
  TokenAuthority authority = Authority({.grace = absl::Seconds(5)});
  const std::string minted = authority.Mint("demo");
  Granted(authority, *Granted(authority, minted).refresh_token);
  EXPECT_TRUE(Refused(authority, minted));
}

TEST_F(TokenAuthorityTest, WithoutRotationTheSameRefreshTokenGoesOn) {
  TokenAuthority authority = Authority({.rotate = false});
  const std::string minted = authority.Mint("demo");
  EXPECT_EQ(Granted(authority, minted).refresh_token, minted);
  EXPECT_EQ(Granted(authority, minted).refresh_token, minted);
  EXPECT_EQ(authority.Stats().credentials.at(0).rotations, 0);
}

TEST_F(TokenAuthorityTest, WithoutRotationTheRefreshTokenCanBeLeftOut) {
  TokenAuthority authority = Authority({.rotate = false, .omit_refresh_token = true});
  const std::string minted = authority.Mint("demo");
  EXPECT_EQ(Granted(authority, minted).refresh_token, std::nullopt);
  Granted(authority, minted);
}

TEST_F(TokenAuthorityTest, ARefreshTokenUnusedForTooLongIsDead) {
  TokenAuthority authority = Authority({.refresh_token_ttl = absl::Hours(24)});
  const std::string minted = authority.Mint("demo");
  clock_.Advance(absl::Hours(24));
  const std::string next = *Granted(authority, minted).refresh_token;
  clock_.Advance(absl::Hours(24) + absl::Seconds(1));
  EXPECT_TRUE(Refused(authority, next));
}

TEST_F(TokenAuthorityTest, AnUnknownClientIsAnInvalidClientAndSpendsNothing) {
  TokenAuthority authority = Authority();
  const std::string minted = authority.Mint("demo");
  const ExchangeOutcome outcome = authority.Exchange(minted, "somebody else");
  EXPECT_EQ(std::get<Refusal>(outcome).error, OAuthError::kInvalidClient);
  Granted(authority, minted);
}

TEST_F(TokenAuthorityTest, AnUnknownRefreshTokenIsAnInvalidGrantAndNoReuse) {
  TokenAuthority authority = Authority();
  EXPECT_TRUE(Refused(authority, "never minted"));
  EXPECT_EQ(authority.Stats().reuse_detected, 0);
  EXPECT_EQ(authority.Stats().unknown_refresh_tokens, 1);
}

TEST_F(TokenAuthorityTest, RevokingEndsRefreshAndAccessTokens) {
  TokenAuthority authority = Authority();
  const TokenAnswer answer = Granted(authority, authority.Mint("demo"));
  EXPECT_TRUE(authority.Revoke("demo"));
  EXPECT_FALSE(authority.Verify(answer.access_token));
  EXPECT_TRUE(Refused(authority, *answer.refresh_token));
  EXPECT_FALSE(authority.Revoke("nobody"));
}

TEST_F(TokenAuthorityTest, MintingANameAgainAuthorisesItAnew) {
  TokenAuthority authority = Authority();
  const std::string old = authority.Mint("demo");
  const TokenAnswer before = Granted(authority, old);
  authority.Revoke("demo");
  const std::string minted = authority.Mint("demo");
  EXPECT_FALSE(authority.Verify(before.access_token));
  EXPECT_TRUE(Refused(authority, *before.refresh_token));
  EXPECT_TRUE(Refused(authority, old));
  Granted(authority, minted);
  const AuthorityStats stats = authority.Stats();
  ASSERT_EQ(stats.credentials.size(), 1u);
  EXPECT_EQ(stats.credentials[0].issued, 2);
  EXPECT_FALSE(stats.credentials[0].revoked);
}

TEST_F(TokenAuthorityTest, KeepsABoundedNumberOfCredentials) {
  TokenAuthority authority = Authority();
  const std::string oldest = authority.Mint("oldest");
  for (int i = 0; i < 10'000; ++i) authority.Mint("c" + std::to_string(i));
  EXPECT_EQ(authority.Stats().credentials.size(), 10'000u);
  EXPECT_TRUE(Refused(authority, oldest));
}

TEST_F(TokenAuthorityTest, KeepsABoundedNumberOfSpentTokens) {
  TokenAuthority authority = Authority();
  const std::string minted = authority.Mint("demo");
  std::string token = minted;
  for (int i = 0; i < 300; ++i) token = *Granted(authority, token).refresh_token;
  EXPECT_EQ(authority.OwnerOf(minted), std::nullopt);
  EXPECT_EQ(authority.OwnerOf(token), "demo");
}

TEST_F(TokenAuthorityTest, CountsExchangesUnderWayByCredentialAndInAll) {
  TokenAuthority authority = Authority();
  const std::string a = authority.Mint("a");
  const std::string b = authority.Mint("b");
  {
    const TokenAuthority::InFlight first = authority.Enter(a);
    const TokenAuthority::InFlight second = authority.Enter(b);
  }
  { const TokenAuthority::InFlight third = authority.Enter(a); }
  const AuthorityStats stats = authority.Stats();
  EXPECT_EQ(stats.token_requests, 3);
  EXPECT_EQ(stats.concurrent_exchanges_max, 2);
  EXPECT_EQ(stats.credentials.at(0).in_flight_max, 1);
}

TEST_F(TokenAuthorityTest, SpentTokenStillCountsTowardsItsCredentialsExchanges) {
  TokenAuthority authority = Authority();
  const std::string minted = authority.Mint("demo");
  const TokenAuthority::InFlight first = authority.Enter(minted);
  Granted(authority, minted);
  const TokenAuthority::InFlight second = authority.Enter(minted);
  EXPECT_EQ(authority.Stats().credentials.at(0).in_flight_max, 2);
}

TEST(CredentialNameTest, IsPrintableAsciiWithoutSlash) {
  const struct {
    std::string name;
    bool valid;
  } cases[] = {{"demo", true},
               {"Support inbox (Malmö)", false},
               {"a b", true},
               {"", false},
               {"a/b", false},
               {"a\nb", false},
               {std::string(64, 'x'), true},
               {std::string(65, 'x'), false},
               {"<b>", true}};
  for (const auto& test : cases)
    EXPECT_EQ(IsValidCredentialName(test.name), test.valid) << test.name;
}

}  // namespace
}  // namespace token_service::sandbox
