#include "server/oauth/oauth_token_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/oauth/outcome_text.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_http_transport.h"

namespace token_service::oauth {
namespace {

using broker::ExchangeOutcome;
using broker::Granted;
using broker::Malformed;
using testing::FakeClock;
using testing::FakeHttpTransport;
using ::testing::HasSubstr;
using ::testing::Not;

class OAuthTokenEndpointTest : public ::testing::Test {
 protected:
  OAuthTokenEndpointTest() {
    settings_.client_id = "client";
    settings_.token_endpoint = "https://provider.test/token";
    settings_.client_auth = broker::ClientAuth::kClientSecretPost;
    settings_.client_secrets.emplace_back(std::string_view("sentinel-client-secret"));
    settings_.dead_grant_errors = {"gone"};
  }

  ExchangeOutcome Exchange() {
    return endpoint_.Exchange(
        settings_, broker::PresentRefreshToken{Secret(std::string_view("sentinel-refresh-token"))},
        send_before_);
  }
  ExchangeOutcome Exchange(int status, std::string_view body) {
    transport_.Answer(status, body);
    return Exchange();
  }
  ExchangeOutcome Exchange(http::HttpOutcome answer) {
    transport_.Answer(std::move(answer));
    return Exchange();
  }

  FakeClock clock_;
  const MonotonicTime send_before_ = MonotonicTime(absl::Seconds(77));
  FakeHttpTransport transport_;
  broker::CredentialSettings settings_;
  OAuthTokenEndpoint endpoint_{transport_, clock_};
};

TEST_F(OAuthTokenEndpointTest, WhatIsTooLateIsNotSent) {
  EXPECT_TRUE(std::holds_alternative<broker::TooLate>(
      Exchange(http::NotSent{http::NotSent::Cause::kTooLate})));
  EXPECT_EQ(transport_.requests().at(0).send_before, send_before_);
}

TEST_F(OAuthTokenEndpointTest, SendsOneRequest) {
  (void)Exchange(200, R"({"access_token":"a"})");
  ASSERT_EQ(transport_.requests().size(), 1u);
  EXPECT_EQ(transport_.requests()[0].url, "https://provider.test/token");
  EXPECT_EQ(transport_.requests()[0].body.Reveal(),
            "grant_type=refresh_token&refresh_token=sentinel-refresh-token&client_id=client"
            "&client_secret=sentinel-client-secret");
}

TEST_F(OAuthTokenEndpointTest, HandsOutWhatItWasGranted) {
  const ExchangeOutcome outcome =
      Exchange(200, R"({"access_token":"a","refresh_token":"r","expires_in":60})");
  ASSERT_EQ(OutcomeText(outcome), "granted");
  EXPECT_EQ(std::get<Granted>(outcome).access_token.Reveal(), "a");
  EXPECT_EQ(std::get<Granted>(outcome).refresh_token->Reveal(), "r");
}

TEST_F(OAuthTokenEndpointTest, ReadsAJwtByTheWallClock) {
  clock_.JumpWall(absl::Seconds(100));
  // {"exp":1700000600}
  const ExchangeOutcome outcome =
      Exchange(200, R"({"access_token":"eyJhIjoxfQ.eyJleHAiOjE3MDAwMDA2MDB9.c2ln"})");
  ASSERT_EQ(OutcomeText(outcome), "granted");
  EXPECT_EQ(std::get<Granted>(outcome).expires_in, absl::Seconds(500));
}

TEST_F(OAuthTokenEndpointTest, JudgesAnErrorUnder200AsUnder400) {
  EXPECT_EQ(OutcomeText(Exchange(200, R"({"error":"invalid_grant"})")), "dead");
  EXPECT_EQ(OutcomeText(Exchange(200, R"({"error":"gone"})")), "dead");
  EXPECT_EQ(OutcomeText(Exchange(200, R"({"error":"invalid_client"})")), "refused");
  EXPECT_EQ(OutcomeText(Exchange(200, R"({"error":"whatever"})")), "refused");
  EXPECT_EQ(OutcomeText(Exchange(200, R"({"error":"slow_down"})")), "unspent, throttled");
}

TEST_F(OAuthTokenEndpointTest, AnErrorThatBringsAnotherRefreshTokenIsThatErrorAndEvidence) {
  const std::string body = R"({"error":"invalid_grant","access_token":"a","refresh_token":"r"})";
  for (const int status : {200, 400}) {
    const ExchangeOutcome outcome = Exchange(status, body);
    ASSERT_EQ(OutcomeText(outcome), "dead, kept");
    EXPECT_EQ(std::get<broker::GrantDead>(outcome).evidence.body.Reveal(), body);
  }
  // The one that was sent is nothing new.
  EXPECT_EQ(OutcomeText(Exchange(
                200, R"({"error":"invalid_grant","refresh_token":"sentinel-refresh-token"})")),
            "dead");
  const ExchangeOutcome refused =
      Exchange(401, R"({"error":"invalid_client","refresh_token":"r"})");
  EXPECT_EQ(OutcomeText(refused), "in doubt, client rejected, kept");
}

// Real servers answer 500 after they have rotated.
TEST_F(OAuthTokenEndpointTest, KeepsTheTokensOfAnAnswerWhoseStatusIsAnError) {
  const std::string body = R"({"access_token":"a","refresh_token":"r"})";
  for (const auto& [status, expected] : {std::pair{500, "in doubt, unavailable, kept"},
                                         {400, "in doubt, malformed, kept"},
                                         {429, "in doubt, throttled, kept"},
                                         {302, "in doubt, malformed, kept"}}) {
    const ExchangeOutcome outcome = Exchange(status, body);
    ASSERT_EQ(OutcomeText(outcome), expected) << status;
    EXPECT_EQ(std::get<broker::InDoubt>(outcome).evidence.body.Reveal(), body) << status;
  }
  EXPECT_EQ(OutcomeText(
                Exchange(500, R"({"access_token":"a","refresh_token":"sentinel-refresh-token"})")),
            "in doubt, unavailable");
}

TEST_F(OAuthTokenEndpointTest, KeepsA200ThatMayHoldATokenAsEvidence) {
  for (const std::string body :
       {R"({"access_token":7})", R"({"refresh_token":"r"})", R"({"data":{"token":"t"}})",
        R"({"access_token":"a","refresh_token":7})", R"(["0123456789abcdef"])",
        R"(access_token=a&refresh_token=r-other)", "<OAuth><access_token>a</access_token></OAuth>",
        R"({"accessToken":"a","refreshToken":"r"})", R"({"body":"{\"refresh_token\":\"r\"}"})",
        "\x1f\x8b\x08 compressed"}) {
    const ExchangeOutcome outcome = Exchange(200, body);
    ASSERT_EQ(OutcomeText(outcome), "malformed") << body;
    EXPECT_EQ(std::get<Malformed>(outcome).answer.body.Reveal(), body);
    EXPECT_EQ(std::get<Malformed>(outcome).answer.http_status, 200);
  }
}

TEST_F(OAuthTokenEndpointTest, ASuccessThatCannotHoldATokenIsNonsenseAndNotKept) {
  for (const std::string body :
       {"", " \n", "<html><body>Sign in with your session token 0123456789abcdef</body></html>",
        "<!DOCTYPE html><p>maintenance", "[]", "{}", "null", "OK", R"({"ok":false})",
        R"({"status":"error","message":"We are down for maintenance, come back later"})",
        R"({"error":{"code":503,"request_id":"0f8fad5b-d9cb-469f-a165-70867728950e"}})",
        R"({"refresh_token_expires_in":86400,"token_type":"bearer"})",
        R"({"refresh_token":"sentinel-refresh-token"})"}) {
    const ExchangeOutcome outcome = Exchange(200, body);
    ASSERT_EQ(OutcomeText(outcome), "in doubt, malformed") << body;
    EXPECT_TRUE(std::get<broker::InDoubt>(outcome).nonsense) << body;
  }
}

TEST_F(OAuthTokenEndpointTest, AnySuccessWithAWholeAnswerIsOne) {
  for (const int status : {200, 201, 202, 203, 206, 299}) {
    const ExchangeOutcome outcome =
        Exchange(status, R"({"access_token":"a","refresh_token":"r","expires_in":60})");
    ASSERT_EQ(OutcomeText(outcome), "granted") << status;
    EXPECT_EQ(std::get<Granted>(outcome).refresh_token->Reveal(), "r");
  }
  EXPECT_EQ(OutcomeText(Exchange(202, R"({"error":"invalid_grant"})")), "dead");
  EXPECT_EQ(OutcomeText(Exchange(204, "")), "in doubt, malformed");
}

// Of any status: what is named like a refresh token, wherever it is, and is not the one sent.
TEST_F(OAuthTokenEndpointTest, KeepsWhateverNamesAnotherRefreshToken) {
  for (const std::string body :
       {R"({"refresh_token":"RT-2"})", R"({"refreshToken":"RT-2"})", R"({"RefreshToken":"RT-2"})",
        R"({"refresh-token":"RT-2"})", R"({"rt":"RT-2"})", R"({"new_refresh_token":"RT-2"})",
        R"({"data":[{"user":{"refresh_token":"RT-2"}}]})", R"({"refresh":{"token":"RT-2"}})",
        R"({"refresh_token":["RT-2"]})", R"({"error":"inv\nalid","refresh_token":"RT-2"})",
        R"({"refresh_token":"RT-2","acc)", R"({"refresh_token":"RT-)",
        "{\"refresh_token\":\"RT-2\" oops", R"({"body":"{\"refresh_token\":\"RT-2\"}"})",
        "refresh_token=RT-2-of-a-form&x=y", "<refresh_token>RT-2-of-xml</refresh_token>",
        R"(callback({"refresh_token":"RT-2-of-jsonp"}))", R"({"r\u0065fresh_token":"RT-2"})",
        R"({"refresh_token":"sentinel-refresh-token-2"})"}) {
    for (const int status : {500, 502, 400, 404, 429}) {
      const ExchangeOutcome outcome = Exchange(status, body);
      ASSERT_THAT(OutcomeText(outcome), HasSubstr(", kept")) << status << " " << body;
      EXPECT_EQ(std::get<broker::InDoubt>(outcome).evidence.body.Reveal(), body);
    }
    EXPECT_THAT(OutcomeText(Exchange(200, body)), HasSubstr("malformed")) << body;
  }
}

TEST_F(OAuthTokenEndpointTest, WhatOnlySpeaksOfRefreshTokensIsNoEvidence) {
  for (const std::string body :
       {R"({"errors":{"refresh_token":["This field is required."]}})",
        R"({"refresh_token":"required"})", R"({"refresh_token":null})", R"({"refresh_token":""})",
        R"({"refresh_token_expires_in":3600})",
        R"({"refresh_token_type":"opaque-reference-token"})",
        R"({"request":{"refresh_token":"sentinel-refresh-token","grant_type":"refresh_token"}})",
        R"({"request":"grant_type=refresh_token&refresh_token=sentinel-refresh-token"})",
        R"({"refresh_token":"sentinel-ref"})", R"({"refresh_token":"sent***"})",
        R"({"error":"invalid_request","error_description":"refresh_token: is missing"})",
        "<html><body>refresh_token: required</body></html>", "{\"refreshTokenRotated\":false}"}) {
    for (const int status : {400, 500}) {
      EXPECT_THAT(OutcomeText(Exchange(status, body)), Not(HasSubstr("kept"))) << status << body;
    }
  }
}

TEST_F(OAuthTokenEndpointTest, AGrantWithoutARefreshTokenThatHasOneElsewhereKeepsTheAnswer) {
  const std::string body = R"({"access_token":"a","authed_user":{"refresh_token":"RT-2"}})";
  const ExchangeOutcome outcome = Exchange(200, body);
  ASSERT_EQ(OutcomeText(outcome), "granted, kept");
  EXPECT_EQ(std::get<Granted>(outcome).evidence.body.Reveal(), body);
  // So does one that hands out what was sent, and another one besides.
  for (const std::string beside :
       {R"({"access_token":"a","refresh_token":"RT-2","refresh_token":"sentinel-refresh-token"})",
        R"({"access_token":"a","refresh_token":"sentinel-refresh-token","next":{"rt":"RT-2"}})"}) {
    EXPECT_EQ(OutcomeText(Exchange(200, beside)), "granted, kept") << beside;
  }
  EXPECT_EQ(OutcomeText(
                Exchange(200, R"({"access_token":"a","refresh_token":"sentinel-refresh-token"})")),
            "granted");
  // Where the rules have one, that is it.
  EXPECT_EQ(OutcomeText(Exchange(200, R"({"access_token":"a","refresh_token":"r","rt":"RT-2"})")),
            "granted");
}

TEST_F(OAuthTokenEndpointTest, IsInDoubtAfterWhatIsNoAnswer) {
  EXPECT_EQ(OutcomeText(Exchange(302, "")), "in doubt, malformed");
  EXPECT_EQ(OutcomeText(Exchange(400, "<html>no</html>")), "in doubt, malformed");
  EXPECT_EQ(OutcomeText(Exchange(404, R"({"error":"Not Found"})")), "in doubt, malformed");
  EXPECT_EQ(OutcomeText(Exchange(400, R"({"error":{"code":190}})")), "in doubt, malformed");
  EXPECT_EQ(OutcomeText(Exchange(401, "")), "in doubt, unavailable");
  EXPECT_EQ(OutcomeText(Exchange(403, R"({"error":"forbidden"})")), "in doubt, unavailable");
  EXPECT_EQ(OutcomeText(Exchange(408, "")), "in doubt, unavailable");
  EXPECT_EQ(OutcomeText(Exchange(500, R"({"error":"invalid_grant"})")), "in doubt, unavailable");
  EXPECT_EQ(OutcomeText(Exchange(503, R"({"access_token":"a"})")), "in doubt, unavailable");
}

TEST_F(OAuthTokenEndpointTest, PassesRetryAfterOn) {
  const auto outcome = Exchange(
      http::HttpResponse{503, absl::Seconds(30), Secret(std::string_view("down for maintenance"))});
  ASSERT_EQ(OutcomeText(outcome), "in doubt, unavailable");
  EXPECT_EQ(std::get<broker::InDoubt>(outcome).retry_after, absl::Seconds(30));
}

TEST_F(OAuthTokenEndpointTest, ARequestThatNeverLeftIsUnspent) {
  using Cause = http::NotSent::Cause;
  for (const Cause cause : {Cause::kResolve, Cause::kConnect, Cause::kProxy, Cause::kTls,
                            Cause::kCertificate, Cause::kTimeout, Cause::kOther}) {
    EXPECT_EQ(OutcomeText(Exchange(http::NotSent{cause})), "unspent, unavailable");
  }
  EXPECT_EQ(DetailOf(Exchange(http::NotSent{Cause::kCertificate})),
            "server certificate not trusted");
}

TEST_F(OAuthTokenEndpointTest, ALostAnswerIsInDoubt) {
  using Cause = http::Lost::Cause;
  for (const Cause cause :
       {Cause::kTimeout, Cause::kReset, Cause::kEmpty, Cause::kTruncated, Cause::kOther}) {
    EXPECT_EQ(OutcomeText(Exchange(http::Lost{cause, 0, {}})), "in doubt, unavailable");
    EXPECT_EQ(OutcomeText(Exchange(http::Lost{cause, 200, {}})), "in doubt, unavailable");
  }
}

TEST_F(OAuthTokenEndpointTest, KeepsAPieceAsEvidenceIfAnotherRefreshTokenIsInIt) {
  const std::string piece = R"({"refresh_token":"r","access_to)";
  const auto lost = [](int status, std::string_view body) {
    return http::Lost{http::Lost::Cause::kTruncated, status, Secret(body)};
  };
  const auto outcome = Exchange(lost(200, piece));
  ASSERT_EQ(OutcomeText(outcome), "malformed");
  EXPECT_EQ(std::get<Malformed>(outcome).answer.body.Reveal(), piece);
  EXPECT_EQ(std::get<Malformed>(outcome).answer.extent, broker::Extent::kCut);
  EXPECT_EQ(OutcomeText(Exchange(lost(500, piece))), "in doubt, unavailable, kept");
  // A refresh token is not to be had from these: they are answers that were lost.
  EXPECT_EQ(OutcomeText(Exchange(lost(200, R"({"access_token":"a","refresh_to)"))),
            "malformed, kept aside");
  EXPECT_EQ(OutcomeText(Exchange(lost(200, R"({"token_type":"bearer","acc)"))),
            "in doubt, unavailable");
}

TEST_F(OAuthTokenEndpointTest, APieceOfAnErrorPageIsNoEvidence) {
  EXPECT_EQ(OutcomeText(Exchange(
                http::Lost{http::Lost::Cause::kReset, 502, Secret(std::string_view("<html><bo"))})),
            "in doubt, unavailable");
}

TEST_F(OAuthTokenEndpointTest, TakesAWholeAnswerFromABrokenConnection) {
  const auto lost = [](int status, std::string_view body) {
    return http::Lost{http::Lost::Cause::kReset, status, Secret(body)};
  };
  EXPECT_EQ(OutcomeText(Exchange(lost(200, R"({"access_token":"a"})"))), "granted");
  EXPECT_EQ(OutcomeText(Exchange(lost(400, R"({"error":"invalid_grant"})"))), "dead");
}

TEST_F(OAuthTokenEndpointTest, AnAnswerTooLargeIsInDoubtAndItsBeginningIsRead) {
  const auto large = [](int status, std::string_view beginning) {
    return http::TooLarge{status, Secret(beginning)};
  };
  EXPECT_EQ(OutcomeText(Exchange(large(200, ""))), "in doubt, malformed");
  EXPECT_EQ(OutcomeText(Exchange(large(502, "<html>"))), "in doubt, unavailable");
  const std::string tokens = R"({"access_token":"a","refresh_token":"r","padding":"xxxxxx)";
  const auto outcome = Exchange(large(200, tokens));
  ASSERT_EQ(OutcomeText(outcome), "malformed");
  EXPECT_EQ(std::get<Malformed>(outcome).answer.body.Reveal(), tokens);
  EXPECT_EQ(std::get<Malformed>(outcome).answer.extent, broker::Extent::kOverLong);
  EXPECT_EQ(OutcomeText(Exchange(large(500, tokens))), "in doubt, unavailable, kept");
}

TEST_F(OAuthTokenEndpointTest, SaysWhatIsWrongWithACertificate) {
  using Cause = http::NotSent::Cause;
  for (const auto& [cause, said] : {std::pair{Cause::kExpired, "certificate expired"},
                                    {Cause::kHostName, "host name does not match"},
                                    {Cause::kUnknownIssuer, "unknown issuer"},
                                    {Cause::kNoRoots, "no CA bundle"}}) {
    const ExchangeOutcome outcome = Exchange(http::NotSent{cause});
    EXPECT_EQ(OutcomeText(outcome), "unspent, unavailable");
    EXPECT_THAT(DetailOf(outcome), HasSubstr(said));
  }
}

TEST_F(OAuthTokenEndpointTest, NeverTellsASecret) {
  const std::string bodies[] = {
      "sentinel-body",
      R"({"error":"sentinel_error","error_description":"sentinel-description"})",
      R"({"error":"invalid_grant","error_description":"sentinel-refresh-token"})",
      R"({"error":"sen\ntinel"})",
      R"({"error":"sentinel","access_token":"sentinel-access"})",
      R"({"access_token":"sentinel-access\n","refresh_token":"sentinel-new"})",
      R"({"access_token":"sentinel-access","refresh_token":7, "token_type":"sentinel"})",
      R"({"sentinel-name":"sentinel-value")",
      R"({"access_token":"sentinel-access","refresh_token":"sentinel)",
  };
  ::testing::internal::CaptureStderr();
  ::testing::internal::CaptureStdout();
  std::string told;
  for (const std::string& body : bodies) {
    for (const int status : {200, 201, 302, 400, 401, 403, 404, 429, 500}) {
      told += DetailOf(Exchange(status, body)) + "\n";
    }
    for (const int status : {0, 200, 400}) {
      told += DetailOf(Exchange(
                  http::Lost{http::Lost::Cause::kReset, status, Secret(std::string_view(body))})) +
              "\n";
    }
  }
  told += ::testing::internal::GetCapturedStdout() + ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(told, HasSubstr("HTTP 400, unrecognised error code"));
  EXPECT_THAT(told, Not(HasSubstr("sen")));
}

}  // namespace
}  // namespace token_service::oauth
