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
    return endpoint_.Exchange(settings_, Secret(std::string_view("sentinel-refresh-token")),
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
    EXPECT_EQ(std::get<broker::GrantDead>(outcome).evidence.Reveal(), body);
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
    EXPECT_EQ(std::get<broker::InDoubt>(outcome).evidence.Reveal(), body) << status;
  }
  EXPECT_EQ(OutcomeText(
                Exchange(500, R"({"access_token":"a","refresh_token":"sentinel-refresh-token"})")),
            "in doubt, unavailable");
}

TEST_F(OAuthTokenEndpointTest, KeepsA200ItCannotUseAsEvidence) {
  for (const std::string body :
       {"", "<html/>", "[]", "{}", R"({"access_token":7})", R"({"refresh_token":"r"})",
        R"({"access_token":"a","refresh_token":7})"}) {
    const ExchangeOutcome outcome = Exchange(200, body);
    ASSERT_EQ(OutcomeText(outcome), "malformed") << body;
    EXPECT_EQ(std::get<Malformed>(outcome).body.Reveal(), body);
  }
}

TEST_F(OAuthTokenEndpointTest, KeepsTheBodyOfAnother2xxAsEvidence) {
  const std::string body = R"({"access_token":"a","refresh_token":"r"})";
  const ExchangeOutcome outcome = Exchange(201, body);
  ASSERT_EQ(OutcomeText(outcome), "malformed");
  EXPECT_EQ(std::get<Malformed>(outcome).body.Reveal(), body);
  EXPECT_EQ(OutcomeText(Exchange(204, "")), "in doubt, malformed");
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

TEST_F(OAuthTokenEndpointTest, KeepsAPieceOfA200AsEvidence) {
  const std::string piece = R"({"refresh_token":"r","access_to)";
  const auto outcome =
      Exchange(http::Lost{http::Lost::Cause::kTruncated, 200, Secret(std::string_view(piece))});
  ASSERT_EQ(OutcomeText(outcome), "malformed");
  EXPECT_EQ(std::get<Malformed>(outcome).body.Reveal(), piece);
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

TEST_F(OAuthTokenEndpointTest, AnAnswerTooLargeIsInDoubt) {
  EXPECT_EQ(OutcomeText(Exchange(http::TooLarge{200})), "in doubt, malformed");
  EXPECT_EQ(OutcomeText(Exchange(http::TooLarge{502})), "in doubt, unavailable");
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
