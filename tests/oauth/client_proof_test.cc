// How OAuthTokenEndpoint proves the client: which of several secrets, and a fresh assertion.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "server/oauth/oauth_token_endpoint.h"
#include "tests/jose/test_keys.h"
#include "tests/oauth/outcome_text.h"
#include "tests/testing/captured_log.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_http_transport.h"

namespace token_service::oauth {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kGranted[] = R"({"access_token":"a"})";
constexpr char kRefused[] = R"({"error":"invalid_client"})";

class ClientProofTest : public ::testing::Test {
 protected:
  ClientProofTest() {
    settings_.name = "alpha";
    settings_.client_id = "client";
    settings_.token_endpoint = "https://provider.test/token";
    settings_.client_auth = broker::ClientAuth::kClientSecretPost;
    SetSecrets({"hush-new", "hush-old"});
  }

  void SetSecrets(const std::vector<std::string>& secrets) {
    settings_.client_secrets.clear();
    for (const std::string& s : secrets) settings_.client_secrets.emplace_back(std::string_view(s));
  }
  broker::ExchangeOutcome Exchange(int status, std::string_view body) {
    transport_.Answer(status, body);
    return endpoint_.Exchange(settings_,
                              broker::PresentRefreshToken{Secret(std::string_view("rt"))},
                              MonotonicTime::Never());
  }
  // "refused, again" when another secret is to be tried.
  std::string Outcome(int status, std::string_view body) {
    const auto outcome = Exchange(status, body);
    const auto* refused = std::get_if<broker::ClientRefused>(&outcome);
    return OutcomeText(outcome) + (refused != nullptr && refused->another_secret ? ", again" : "");
  }
  std::string Form(std::string_view field) const {
    const std::string body(transport_.requests().back().body.Reveal());
    for (const std::string& pair : std::vector<std::string>(absl::StrSplit(body, '&'))) {
      if (pair.starts_with(std::string(field) + "=")) return pair.substr(field.size() + 1);
    }
    return "";
  }

  testing::FakeClock clock_;
  testing::FakeHttpTransport transport_;
  broker::CredentialSettings settings_;
  OAuthTokenEndpoint endpoint_{transport_, clock_};
};

TEST_F(ClientProofTest, PresentsTheFirstSecretFirst) {
  EXPECT_EQ(Outcome(200, kGranted), "granted");
  EXPECT_EQ(Form("client_secret"), "hush-new");
}

TEST_F(ClientProofTest, ARefusedSecretGivesWayToTheNextAndThatIsRemembered) {
  EXPECT_EQ(Outcome(401, kRefused), "refused, again");
  EXPECT_EQ(transport_.requests().size(), 1u);  // One POST an exchange.
  EXPECT_EQ(Outcome(200, kGranted), "granted");
  EXPECT_EQ(Form("client_secret"), "hush-old");
  EXPECT_EQ(Outcome(200, kGranted), "granted");
  EXPECT_EQ(Form("client_secret"), "hush-old");
}

TEST_F(ClientProofTest, WhenTheRememberedOneIsRefusedTheOthersAreTried) {
  Outcome(401, kRefused);
  Outcome(200, kGranted);
  EXPECT_EQ(Outcome(400, kRefused), "refused, again");
  EXPECT_EQ(Outcome(200, kGranted), "granted");
  EXPECT_EQ(Form("client_secret"), "hush-new");
}

TEST_F(ClientProofTest, WhenAllAreRefusedTheClientIs) {
  EXPECT_EQ(Outcome(401, kRefused), "refused, again");
  EXPECT_EQ(Outcome(401, kRefused), "refused");
  // The next time all are tried again.
  EXPECT_EQ(Outcome(401, kRefused), "refused, again");
  EXPECT_EQ(Form("client_secret"), "hush-new");
  EXPECT_EQ(Outcome(401, kRefused), "refused");
}

TEST_F(ClientProofTest, OnlyADefiniteRefusalOfTheClientTriesAnother) {
  const struct {
    int status;
    const char* body;
    const char* outcome;
  } cases[] = {
      {401, R"({"error":"invalid_client"})", "refused, again"},
      {400, R"({"error":"invalid_client"})", "refused, again"},
      {200, R"({"error":"incorrect_client_credentials"})", "refused, again"},
      {401, R"({"error":"unauthorized_client"})", "refused, again"},
      {400, R"({"error":"unauthorized_client"})", "refused"},
      {400, R"({"error":"invalid_request"})", "refused"},
      {400, R"({"error":"invalid_grant"})", "dead"},
      {401, R"(<html>no</html>)", "in doubt, unavailable"},
      {429, R"({"error":"invalid_client"})", "unspent, throttled"},
      {500, R"({"error":"invalid_client"})", "in doubt, unavailable"},
  };
  for (const auto& [status, body, outcome] : cases) {
    SetSecrets({"one", "two", "three"});  // Anew:
    EXPECT_EQ(Outcome(200, kGranted), "granted");
    EXPECT_EQ(Outcome(status, body), outcome) << status << " " << body;
    SetSecrets({"others"});
  }
}

TEST_F(ClientProofTest, ASingleSecretIsNotTriedTwice) {
  SetSecrets({"hush"});
  EXPECT_EQ(Outcome(401, kRefused), "refused");
  settings_.client_auth = broker::ClientAuth::kNone;
  SetSecrets({});
  EXPECT_EQ(Outcome(401, kRefused), "refused");
}

TEST_F(ClientProofTest, ALostAnswerDoesNotCountAsARefusal) {
  Outcome(401, kRefused);
  EXPECT_EQ(Outcome(503, ""), "in doubt, unavailable");
  EXPECT_EQ(Form("client_secret"), "hush-old");
  EXPECT_EQ(Outcome(200, kGranted), "granted");
  EXPECT_EQ(Form("client_secret"), "hush-old");
}

TEST_F(ClientProofTest, AChangedListBeginsWithItsFirst) {
  Outcome(401, kRefused);
  Outcome(200, kGranted);
  SetSecrets({"hush-newest", "hush-old"});
  EXPECT_EQ(Outcome(200, kGranted), "granted");
  EXPECT_EQ(Form("client_secret"), "hush-newest");
}

TEST_F(ClientProofTest, CredentialsAreToldApart) {
  Outcome(401, kRefused);
  settings_.name = "beta";
  EXPECT_EQ(Outcome(200, kGranted), "granted");
  EXPECT_EQ(Form("client_secret"), "hush-new");
}

TEST_F(ClientProofTest, TheLogTellsWhichSecretWorksAndNoSecret) {
  const std::string log = testing::CapturedLog([&] {
    Outcome(401, kRefused);
    Outcome(200, kGranted);
    Outcome(200, kGranted);
  });
  EXPECT_THAT(log, HasSubstr("client secret refused"));
  const size_t taken = log.find("client secret taken");
  ASSERT_NE(taken, std::string::npos) << log;
  EXPECT_EQ(log.find("client secret taken", taken + 1), std::string::npos) << "said once";
  EXPECT_THAT(log, Not(HasSubstr("hush")));
}

TEST_F(ClientProofTest, EveryRequestHasAnAssertionOfItsOwn) {
  const testing::TestKey key = testing::NewEcKey();
  settings_.client_auth = broker::ClientAuth::kPrivateKeyJwt;
  settings_.client_key.pem = Secret(std::string_view(key.private_pem));
  SetSecrets({});
  std::vector<std::string> claims;
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Outcome(200, kGranted), "granted");
    EXPECT_EQ(Form("client_assertion_type"),
              "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer");
    const std::string assertion = Form("client_assertion");
    const std::vector<std::string> parts = absl::StrSplit(assertion, '.');
    ASSERT_EQ(parts.size(), 3u);
    std::string signature;
    ASSERT_TRUE(absl::WebSafeBase64Unescape(parts[2], &signature));
    EXPECT_TRUE(testing::Verifies(key, "ES256", parts[0] + "." + parts[1], signature));
    claims.emplace_back();
    ASSERT_TRUE(absl::WebSafeBase64Unescape(parts[1], &claims.back()));
  }
  EXPECT_THAT(claims[0], HasSubstr("\"jti\":"));
  EXPECT_NE(claims[0], claims[1]);  // The clock stands still: it is the jti.
}

TEST_F(ClientProofTest, WithoutAKeyThatCanSignNothingIsSent) {
  settings_.client_auth = broker::ClientAuth::kPrivateKeyJwt;
  SetSecrets({});
  for (const std::string_view pem : {"", "hush"}) {
    settings_.client_key.pem = Secret(pem);
    const auto outcome =
        endpoint_.Exchange(settings_, broker::PresentRefreshToken{Secret(std::string_view("rt"))},
                           MonotonicTime::Never());
    EXPECT_EQ(OutcomeText(outcome), "refused");
    EXPECT_EQ(DetailOf(outcome), "not sent: no client key that can sign");
  }
  EXPECT_TRUE(transport_.requests().empty());
}

}  // namespace
}  // namespace token_service::oauth
