#include "server/oauth/token_response.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace token_service::oauth {
namespace {

using broker::Granted;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

TokenResponse Parse(const std::string& body) {
  return ParseTokenResponse({}, Secret(std::string_view(body)), kNow);
}

// The parsed grant, or a failed test and an empty one.
Granted Grant(const std::string& body) {
  TokenResponse response = Parse(body);
  if (auto* granted = std::get_if<Granted>(&response)) return std::move(*granted);
  ADD_FAILURE() << "not granted: " << body;
  return {};
}

std::string Jwt(const std::string& claims) {
  return absl::StrCat("eyJhbGciOiJIUzUxMiJ9.", absl::WebSafeBase64Escape(claims), ".c2ln");
}

TEST(TokenResponse, ReadsTheTicketApisAnswer) {
  const Granted granted =
      Grant(R"({"access_token": "at-1", "token_type": "bearer", "expires_in": 3599,)"
            R"( "refresh_token": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="})");
  EXPECT_EQ(granted.access_token.Reveal(), "at-1");
  EXPECT_EQ(granted.token_type, "Bearer");
  EXPECT_EQ(granted.expires_in, absl::Seconds(3599));
  ASSERT_TRUE(granted.refresh_token.has_value());
  EXPECT_EQ(granted.refresh_token->Reveal(), "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
  EXPECT_FALSE(granted.scope.has_value());
}

TEST(TokenResponse, IgnoresMembersItDoesNotKnow) {
  EXPECT_EQ(Grant(R"({"access_token":"a","id_token":{"x":[1,{"y":null}]},"scope":"s t"})").scope,
            "s t");
}

TEST(TokenResponse, IgnoresCamelCaseNames) {
  EXPECT_TRUE(std::holds_alternative<Unusable>(Parse(R"({"accessToken":"a"})")));
}

TEST(TokenResponse, TakesTheLastOfDuplicateNames) {
  EXPECT_EQ(Grant(R"({"access_token":"a","access_token":"b"})").access_token.Reveal(), "b");
}

TEST(TokenResponse, ReadsPastAByteOrderMarkAndLatin1InOtherMembers) {
  EXPECT_EQ(
      Grant("\xEF\xBB\xBF{\"access_token\":\"a\",\"message\":\"caf\xE9\"}").access_token.Reveal(),
      "a");
}

TEST(TokenResponse, AnOmittedNullOrEmptyRefreshTokenKeepsTheOldOne) {
  for (const std::string rest : {"", R"(,"refresh_token":null)", R"(,"refresh_token":"")"}) {
    EXPECT_FALSE(Grant(R"({"access_token":"a")" + rest + "}").refresh_token.has_value()) << rest;
  }
}

TEST(TokenResponse, NormalisesTheTokenType) {
  const std::pair<std::string, std::string> cases[] = {
      {R"("bearer")", "Bearer"},
      {R"("BEARER")", "Bearer"},
      {R"("Bearer")", "Bearer"},
      {R"("DPoP")", "DPoP"},
      {R"("mac")", "mac"},
      {"null", "Bearer"},
      {R"("")", "Bearer"},
      {R"("be\narer")", "Bearer"},
      {"7", "Bearer"},
      {"[]", "Bearer"},
      {"\"" + std::string(200, 'x') + "\"", "Bearer"}};
  for (const auto& [json, expected] : cases) {
    EXPECT_EQ(Grant(R"({"access_token":"a","token_type":)" + json + "}").token_type, expected)
        << json;
  }
  EXPECT_EQ(Grant(R"({"access_token":"a"})").token_type, "Bearer");
}

TEST(TokenResponse, DropsAScopeThatCannotBePassedOn) {
  for (const std::string json : {"7", R"("a\nb")", R"("")", "null", R"(["a"])"}) {
    EXPECT_FALSE(Grant(R"({"access_token":"a","scope":)" + json + "}").scope.has_value()) << json;
  }
}

struct Expiry {
  const char* json;
  std::optional<absl::Duration> expected;
};

TEST(TokenResponse, ReadsExpiresIn) {
  const absl::Duration century = absl::Hours(24 * 36500);
  const Expiry cases[] = {
      {"3599", absl::Seconds(3599)},
      {"3599.0", absl::Seconds(3599)},
      {"3.599e3", absl::Seconds(3599)},
      {"\"3599\"", absl::Seconds(3599)},
      {"\"3599.0\"", absl::Seconds(3599)},
      {"\" 3599 \"", absl::Seconds(3599)},
      {"315360000", absl::Hours(24 * 3650)},
      {"9223372036854775807", century},
      {"99999999999999999999999", century},
      {"1e300", century},
      {"\"1e300\"", century},
      {"\"inf\"", std::nullopt},
      {"\"nan\"", std::nullopt},
      {"0", std::nullopt},
      {"-1", std::nullopt},
      {"-1e300", std::nullopt},
      {"\"-3599\"", std::nullopt},
      {"null", std::nullopt},
      {"\"\"", std::nullopt},
      {"\"soon\"", std::nullopt},
      {"\"3599s\"", std::nullopt},
      {"true", std::nullopt},
      {"[3599]", std::nullopt},
      {"{\"a\":1}", std::nullopt},
  };
  for (const auto& [json, expected] : cases) {
    EXPECT_EQ(Grant(absl::StrCat(R"({"access_token":"a","expires_in":)", json, "}")).expires_in,
              expected)
        << json;
  }
}

TEST(TokenResponse, FallsBackToTheExpiryInsideAJwt) {
  const std::string jwt = Jwt(R"({"cid":"c","exp":1700000600})");
  for (const std::string rest : {"", R"(,"expires_in":null)", R"(,"expires_in":0)"}) {
    EXPECT_EQ(Grant(R"({"access_token":")" + jwt + "\"" + rest + "}").expires_in,
              absl::Seconds(600))
        << rest;
  }
}

TEST(TokenResponse, PrefersExpiresInToTheJwt) {
  EXPECT_EQ(Grant(R"({"access_token":")" + Jwt(R"({"exp":1700000600})") + R"(","expires_in":60})")
                .expires_in,
            absl::Seconds(60));
}

TEST(TokenResponse, KnowsNoLifetimeWithoutAUsableJwt) {
  for (const std::string& token :
       {std::string("opaque"), std::string("a.b.c"), std::string("..."), Jwt("[]"), Jwt("{}"),
        Jwt(R"({"exp":1699999999})"), Jwt(R"({"exp":"1700000600"})"), Jwt(R"({"exp":null})"),
        Jwt(R"({"exp":1700000600})") + ".d.e"}) {
    EXPECT_FALSE(Grant(R"({"access_token":")" + token + "\"}").expires_in.has_value()) << token;
  }
  EXPECT_EQ(Grant(R"({"access_token":")" + Jwt(R"({"exp":1e300})") + "\"}").expires_in,
            absl::Hours(24 * 36500));
}

TEST(TokenResponse, FindsUnusableWhatHoldsNoToken) {
  for (const std::string body : {"",
                                 " ",
                                 "<html><body>maintenance</body></html>",
                                 "null",
                                 "[]",
                                 "7",
                                 "\"access_token\"",
                                 "{",
                                 "{}",
                                 R"({"access_token":null})",
                                 R"({"access_token":""})",
                                 R"({"access_token":7})",
                                 R"({"access_token":["a"]})",
                                 R"({"access_token":{"value":"a"}})",
                                 R"({"access_token":true})",
                                 R"({"token":"a"})",
                                 R"({"error":""})",
                                 R"({"error":{"code":"invalid_grant"}})",
                                 R"({"error":"inv\"alid"})",
                                 R"({"error":"inv\nalid"})"}) {
    EXPECT_TRUE(std::holds_alternative<Unusable>(Parse(body))) << body;
  }
}

// Every prefix of an answer: one that reads as whole would be used after a connection broke.
TEST(TokenResponse, NeverTakesAPieceForTheWhole) {
  const std::string whole =
      R"({"access_token":"a","expires_in":3599,"refresh_token":"r","x":{"y":[1]}})";
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_TRUE(std::holds_alternative<Unusable>(Parse(whole.substr(0, length))))
        << whole.substr(0, length);
  }
  EXPECT_TRUE(std::holds_alternative<Granted>(Parse(whole)));
}

TEST(TokenResponse, RefusesTokensThatNoHeaderCouldCarry) {
  for (const std::string value :
       {R"("a\nb")", R"("a\tb")", R"("a\u0000b")", R"("a\u007fb")", R"("a\u00e9b")",
        "\"a\xC3\xA9"
        "b\"",
        "\"a\xE9"
        "b\"",
        "\"a\nb\""}) {
    EXPECT_TRUE(std::holds_alternative<Unusable>(Parse(R"({"access_token":)" + value + "}")))
        << value;
    EXPECT_TRUE(std::holds_alternative<Unusable>(
        Parse(R"({"access_token":"a","refresh_token":)" + value + "}")))
        << value;
  }
}

TEST(TokenResponse, RefusesARefreshTokenThatIsNoString) {
  for (const std::string value : {"7", "true", "[]", "{}"}) {
    EXPECT_TRUE(std::holds_alternative<Unusable>(
        Parse(R"({"access_token":"a","refresh_token":)" + value + "}")))
        << value;
  }
}

TEST(TokenResponse, TakesTokensOfSixteenKibibytesAndNoMore) {
  const std::string longest(16 * 1024, 'x');
  EXPECT_EQ(Grant(R"({"access_token":")" + longest + "\"}").access_token.size(), longest.size());
  EXPECT_TRUE(std::holds_alternative<Unusable>(Parse(R"({"access_token":")" + longest + "x\"}")));
  EXPECT_TRUE(std::holds_alternative<Unusable>(
      Parse(R"({"access_token":"a","refresh_token":")" + longest + "x\"}")));
}

// Deeper than that the parser's time grows with the square of the depth.
TEST(TokenResponse, TakesAnswersNestedThirtyTwoDeepAndNoMore) {
  const auto nested = [](const std::string& member, size_t depth) {
    const size_t lists = depth - 1;  // The answer itself is one.
    return R"({"access_token":"a",")" + member + "\":" + std::string(lists, '[') +
           std::string(lists, ']') + "}";
  };
  for (const std::string member : {"scope", "unknown"}) {
    EXPECT_EQ(Grant(nested(member, 32)).access_token.Reveal(), "a");
    EXPECT_TRUE(std::holds_alternative<Unusable>(Parse(nested(member, 33))));
  }
  // In a string they are no brackets.
  const std::string brackets(100, '[');
  EXPECT_EQ(Grant(R"({"access_token":"\"\\)" + brackets + "\"}").access_token.Reveal(),
            "\"\\" + brackets);
  EXPECT_EQ(Grant("{'access_token':'\"" + brackets + "'}").access_token.Reveal(), "\"" + brackets);
}

TEST(TokenResponse, HalfASurrogatePairCostsOnlyItsMember) {
  EXPECT_EQ(Grant(R"({"access_token":"a","note":"cut \ud83d"})").access_token.Reveal(), "a");
  EXPECT_EQ(Grant(R"({"access_token":"a","note":"\uDE00\uD83D"})").access_token.Reveal(), "a");
  EXPECT_TRUE(std::holds_alternative<Unusable>(Parse(R"({"access_token":"a\ud83d"})")));
  // A backslash, and then letters.
  EXPECT_EQ(Grant(R"({"access_token":"\\ud83d"})").access_token.Reveal(), R"(\ud83d)");
}

TEST(TokenResponse, ReadsAnError) {
  const TokenResponse response =
      Parse(R"({"error":"invalid_grant","error_description":"r\u00e9voqu\u00e9"})");
  ASSERT_TRUE(std::holds_alternative<ErrorCode>(response));
  EXPECT_EQ(std::get<ErrorCode>(response).code, "invalid_grant");
}

TEST(TokenResponse, ReadsTokensBesideAnErrorThatSaysNothing) {
  EXPECT_EQ(Grant(R"({"error":"","access_token":"a"})").access_token.Reveal(), "a");
  EXPECT_EQ(Grant(R"({"error":null,"access_token":"a"})").access_token.Reveal(), "a");
}

TEST(TokenResponse, AnErrorIsAnErrorWhateverIsBesideIt) {
  for (const std::string rest :
       {R"(,"access_token":"a")", R"(,"access_token":"a","refresh_token":"r")",
        R"(,"refresh_token":["r"])"}) {
    const TokenResponse response = Parse("{\"error\":\"invalid_grant\"" + rest + "}");
    ASSERT_TRUE(std::holds_alternative<ErrorCode>(response)) << rest;
    EXPECT_EQ(std::get<ErrorCode>(response).code, "invalid_grant");
  }
}

// A word that is no JSON costs its member, not the tokens beside it.
TEST(TokenResponse, AScalarThatIsNoJsonCostsOnlyItsMember) {
  for (const std::string value : {"NaN", "Infinity", "0123", "1e999999999", "undefined", "True"}) {
    const Granted granted = Grant(R"({"access_token":"a","expires_in":)" + value + "}");
    EXPECT_FALSE(granted.expires_in.has_value()) << value;
  }
  EXPECT_TRUE(std::holds_alternative<Unusable>(Parse(R"({"access_token":a})")));
}

}  // namespace
}  // namespace token_service::oauth
