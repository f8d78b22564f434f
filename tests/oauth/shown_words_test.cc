#include "server/oauth/shown_words.h"

#include <gtest/gtest.h>

#include <string>

#include "server/oauth/error_words.h"

namespace token_service::oauth {
namespace {

const Secret kSent(std::string_view("sesame open wide"));
const Secret* const kSecrets[] = {&kSent};

TEST(ShownWords, LeavesWordsAlone) {
  for (const std::string text :
       {"invalid_grant", "The refresh token has expired or been revoked.", "AADSTS50076: denied",
        "unsupported_grant_type_for_this_client", "Authentication failed (code 17)"}) {
    EXPECT_EQ(ShownWords(text, kSecrets), text);
    EXPECT_TRUE(IsHarmless(text, kSecrets)) << text;
  }
}

TEST(ShownWords, MasksWhatCouldBeAToken) {
  EXPECT_EQ(ShownWords("token eyJhbGciOiJIUzUxMiJ9.e30.c2ln is bad", {}), "token *** is bad");
  EXPECT_EQ(ShownWords("RT-made-up-12 expired", {}), "*** expired");
  EXPECT_EQ(ShownWords("see https://x.test/?refresh_token=abc123def456ghi", {}),
            "see https://x.test/?***");
  EXPECT_EQ(ShownWords("aBcDeFgHiJkLm", {}), "***");
  EXPECT_FALSE(IsHarmless("0123456789abcdef", {}));
}

TEST(ShownWords, MasksPartsOfWhatWasSent) {
  EXPECT_EQ(ShownWords("got 'open wide' from you", kSecrets), "got '***' from you");
  EXPECT_EQ(ShownWords("sesame open", kSecrets), "***");
}

TEST(ShownWords, IsPrintableAndShort) {
  EXPECT_EQ(ShownWords("a\nb\xc3\xa9\x7f", {}), "a b   ");
  EXPECT_EQ(ShownWords(std::string(50, 'x') + std::string(300, ' '), {}).size(), 200u);
}

TEST(ShownError, HasTheCodeAndTheSentence) {
  const auto shown = ShownError(
      400, R"({"error": "invalid_grant", "error_description": "token sesame open is spent"})",
      "invalid_grant", kSecrets);
  EXPECT_EQ(shown.http_status, 400);
  EXPECT_EQ(shown.code, "invalid_grant");
  EXPECT_EQ(shown.description, "token ***is spent") << "the space is a part of the secret, too";
}

TEST(ShownError, MasksTokensThatStandBesideTheWords) {
  const auto shown = ShownError(
      400, R"({"access_token": "opensezme", "error": {"code": "x", "message": "no opensezme"}})",
      std::nullopt, {});
  EXPECT_EQ(shown.code, "x");
  EXPECT_EQ(shown.description, "no ***");
}

}  // namespace
}  // namespace token_service::oauth
