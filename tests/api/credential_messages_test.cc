#include "server/api/credential_messages.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace token_service::api {
namespace {

using broker::CredentialState;
using broker::ProfileChange;
using token::v1::Credential;

TEST(CredentialMessagesTest, ShowsAllButTheSecrets) {
  broker::CredentialSettings settings;
  settings.name = "inbox";
  settings.purpose = "reads";
  settings.client_id = "id";
  settings.token_endpoint = "https://provider.example/token";
  settings.scope = "read";
  settings.client_auth = broker::ClientAuth::kClientSecretBasic;
  settings.client_secrets.emplace_back(std::string_view("hush"));
  settings.managed_by_config = true;
  broker::CredentialStatus status;
  status.settings = std::make_shared<const broker::CredentialSettings>(std::move(settings));
  status.generation = 7;
  status.create_time = absl::FromUnixSeconds(100);
  status.next_refresh_time = absl::FromUnixSeconds(200);
  status.last_error_reason = "PROVIDER_UNAVAILABLE";
  status.consecutive_failures = 2;

  Credential credential;
  ToProto(status, credential);

  EXPECT_EQ(credential.name(), "inbox");
  EXPECT_EQ(credential.client_auth(), "client_secret_basic");
  EXPECT_EQ(credential.generation(), 7u);
  EXPECT_EQ(credential.create_time().seconds(), 100);
  EXPECT_EQ(credential.next_refresh_time().seconds(), 200);
  EXPECT_FALSE(credential.has_last_refresh_time());
  EXPECT_FALSE(credential.has_expire_time());
  EXPECT_EQ(credential.last_error_reason(), "PROVIDER_UNAVAILABLE");
  EXPECT_TRUE(credential.managed_by_config());
  EXPECT_EQ(credential.SerializeAsString().find("hush"), std::string::npos);
}

TEST(CredentialMessagesTest, TellsEveryState) {
  const std::pair<CredentialState, token::v1::CredentialState> states[] = {
      {CredentialState::kActive, token::v1::CREDENTIAL_STATE_ACTIVE},
      {CredentialState::kBackingOff, token::v1::CREDENTIAL_STATE_BACKING_OFF},
      {CredentialState::kInDoubt, token::v1::CREDENTIAL_STATE_IN_DOUBT},
      {CredentialState::kNeedsReauthorization, token::v1::CREDENTIAL_STATE_NEEDS_REAUTHORIZATION},
      {CredentialState::kClientRejected, token::v1::CREDENTIAL_STATE_CLIENT_REJECTED},
      {CredentialState::kDisabled, token::v1::CREDENTIAL_STATE_DISABLED},
      {CredentialState::kHeld, token::v1::CREDENTIAL_STATE_HELD},
  };
  for (const auto& [state, expected] : states) {
    broker::CredentialStatus status;
    status.settings = std::make_shared<const broker::CredentialSettings>();
    status.state = state;
    Credential credential;
    ToProto(status, credential);
    EXPECT_EQ(credential.state(), expected);
  }
}

TEST(CredentialMessagesTest, TheMaskSaysWhatChangesEvenToNothing) {
  token::v1::UpdateCredentialRequest request;
  request.mutable_credential()->set_purpose("new");
  request.mutable_credential()->set_client_id("not named");
  request.mutable_update_mask()->add_paths("purpose");
  request.mutable_update_mask()->add_paths("scope");

  const auto parsed = FromProto(request);
  const auto& change = std::get<ProfileChange>(parsed);

  EXPECT_EQ(change.purpose, "new");
  EXPECT_EQ(change.scope, "");
  EXPECT_FALSE(change.client_id.has_value());
  EXPECT_FALSE(change.client_secret.has_value());
}

TEST(CredentialMessagesTest, WithoutAMaskWhatIsSetChanges) {
  token::v1::UpdateCredentialRequest request;
  request.mutable_credential()->set_token_endpoint("https://provider.example/token");
  request.mutable_credential()->set_client_auth("none");

  const auto parsed = FromProto(request);
  const auto& change = std::get<ProfileChange>(parsed);

  EXPECT_TRUE(change.token_endpoint.has_value());
  EXPECT_TRUE(change.client_auth.has_value());
  EXPECT_FALSE(change.purpose.has_value());
  EXPECT_FALSE(change.client_secret.has_value());
}

TEST(CredentialMessagesTest, AMaskThatNamesAnythingElseIsRefused) {
  for (const char* path : {"name", "generation", "state", "*", "", "credential.purpose"}) {
    token::v1::UpdateCredentialRequest request;
    request.mutable_update_mask()->add_paths(path);
    const auto parsed = FromProto(request);
    ASSERT_TRUE(std::holds_alternative<ApiError>(parsed)) << path;
    EXPECT_EQ(std::get<ApiError>(parsed).field, "update_mask") << path;
  }
}

TEST(CredentialMessagesTest, APageTokenLeadsBackToItsName) {
  EXPECT_EQ(FromPageToken(ToPageToken("support-inbox")), "support-inbox");
}

TEST(CredentialMessagesTest, APageTokenOfSomebodyElsesIsRefused) {
  for (const char* token : {"!", "support-inbox!", "AAAA", "x"}) {
    EXPECT_EQ(FromPageToken(token), std::nullopt) << token;
  }
}

}  // namespace
}  // namespace token_service::api
