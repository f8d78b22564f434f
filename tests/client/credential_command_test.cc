#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "client/command/command_line.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/fake_credential_service.h"
#include "tests/client/fake_token_service.h"
#include "tests/testing/temp_dir.h"

namespace token_service::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using token_service::testing::FakeCredentialService;
using token_service::testing::StatusWithReason;

class CredentialCommandTest : public ::testing::Test {
 protected:
  ~CredentialCommandTest() override {
    std::cin.rdbuf(stdin_);
    std::cin.clear();
  }

  int Run(std::vector<std::string> arguments) {
    out_.str("");
    err_.str("");
    arguments.insert(arguments.begin(), "credential");
    arguments.push_back("--server=" + service_.address());
    return RunCommandLine(arguments, out_, err_);
  }

  // The name of a file that holds this.
  std::string File(const std::string& text) {
    std::ofstream(file_) << text;
    return file_;
  }
  void OnStdin(const std::string& text) {
    input_.str(text);
    std::cin.rdbuf(input_.rdbuf());
  }

  FakeCredentialService service_;
  std::ostringstream out_;
  std::ostringstream err_;
  std::istringstream input_;
  std::streambuf* const stdin_ = std::cin.rdbuf();
  const testing::TempDir directory_;
  const std::string file_ = directory_.File("refresh-token");
};

TEST_F(CredentialCommandTest, CreatesFromTheRefreshTokenInAFile) {
  EXPECT_EQ(
      Run({"create", "inbox", "--client_id=id", "--purpose=reads", "--scope=a b",
           "--token_endpoint=https://p.example/token", "--refresh_token_file=" + File("  hush\n")}),
      0)
      << err_.str();
  EXPECT_EQ(service_.last_request(),
            R"(credential { name: "inbox" purpose: "reads" client_id: "id" )"
            R"(token_endpoint: "https://p.example/token" scope: "a b" refresh_token: "hush" })");
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("inbox"), HasSubstr("ACTIVE"), Not(HasSubstr("hush"))));
}

TEST_F(CredentialCommandTest, CreatesFromStandardInput) {
  OnStdin("hush\n");
  EXPECT_EQ(Run({"create", "inbox", "--client_id=id", "--refresh_token_file=-",
                 "--client_auth=client_secret_post", "--client_secret_file=" + File("secret")}),
            0);
  EXPECT_THAT(service_.last_request(),
              AllOf(HasSubstr(R"(refresh_token: "hush")"), HasSubstr(R"(client_secret: "secret")"),
                    HasSubstr(R"(client_auth: "client_secret_post")")));
}

TEST_F(CredentialCommandTest, UpdatesTheFieldsWhoseFlagsAreGiven) {
  EXPECT_EQ(Run({"update", "inbox", "--purpose=", "--client_secret_file=" + File("secret")}), 0);
  EXPECT_EQ(service_.last_request(), R"(credential { name: "inbox" client_secret: "secret" } )"
                                     R"(update_mask { paths: "purpose" paths: "client_secret" })");
}

TEST_F(CredentialCommandTest, ReplacesTheRefreshToken) {
  OnStdin("hush");
  EXPECT_EQ(Run({"replace-refresh-token", "inbox", "--refresh_token_file=-"}), 0);
  EXPECT_EQ(service_.last_method(), "ReplaceRefreshToken");
  EXPECT_EQ(service_.last_request(), R"(name: "inbox" refresh_token: "hush")");
}

TEST_F(CredentialCommandTest, ListsEveryPage) {
  EXPECT_EQ(Run({"list"}), 0);
  EXPECT_EQ(out_.str(),
            "NAME    STATE                  GENERATION  EXPIRES               LAST ERROR\n"
            "first   ACTIVE                          3  2023-11-14T22:13:20Z\n"
            "second  ACTIVE                          3  2023-11-14T22:13:20Z\n");
  EXPECT_EQ(Run({"list", "--format=json"}), 0);
  EXPECT_EQ(out_.str(),
            R"({"credentials":[{"name":"first","state":"CREDENTIAL_STATE_ACTIVE","generation":"3",)"
            R"("expireTime":"2023-11-14T22:13:20Z"},{"name":"second",)"
            R"("state":"CREDENTIAL_STATE_ACTIVE","generation":"3",)"
            R"("expireTime":"2023-11-14T22:13:20Z"}]})"
            "\n");
}

TEST_F(CredentialCommandTest, ShowsRefreshesReleasesAndDeletesByName) {
  EXPECT_EQ(Run({"show", "inbox"}), 0);
  EXPECT_EQ(service_.last_method(), "GetCredential");
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("name                  inbox\n"),
                                HasSubstr("state                 ACTIVE\n"),
                                HasSubstr("expire_time           2023-11-14T22:13:20Z\n")));
  EXPECT_EQ(Run({"refresh", "inbox", "--format=json"}), 0);
  EXPECT_EQ(service_.last_method(), "RefreshCredential");
  EXPECT_THAT(out_.str(), HasSubstr(R"("name":"inbox")"));
  EXPECT_EQ(Run({"release", "inbox"}), 0);
  EXPECT_EQ(service_.last_method(), "ReleaseCredential");
  EXPECT_EQ(Run({"delete", "inbox"}), 0);
  EXPECT_EQ(service_.last_method(), "DeleteCredential");
  EXPECT_EQ(out_.str(), "inbox is deleted\n");
}

TEST_F(CredentialCommandTest, ServersNoIsOneLineAndExit1) {
  service_.AnswerWith(
      StatusWithReason(grpc::StatusCode::PERMISSION_DENIED, "no operator", "OPERATOR_REQUIRED"));
  const std::string file = File("hush");
  const std::vector<std::vector<std::string>> cases = {
      {"create", "inbox", "--client_id=id", "--refresh_token_file=" + file},
      {"list"},
      {"show", "inbox"},
      {"update", "inbox", "--purpose=x"},
      {"replace-refresh-token", "inbox", "--refresh_token_file=" + file},
      {"refresh", "inbox"},
      {"delete", "inbox"},
  };
  for (const auto& arguments : cases) {
    EXPECT_EQ(Run(arguments), 1) << arguments[0];
    EXPECT_EQ(err_.str(), "token-client: " + service_.address() +
                              ": PERMISSION_DENIED OPERATOR_REQUIRED: no operator\n");
    EXPECT_THAT(out_.str(), IsEmpty());
  }
}

TEST_F(CredentialCommandTest, WrongUsageIsOneLineAndExit2) {
  const std::string empty = File(" \n");
  const std::vector<std::vector<std::string>> cases = {
      {},
      {"make"},
      {"show"},
      {"show", "inbox", "outbox"},
      {"create", "inbox", "--client_id=id"},
      {"create", "inbox", "--refresh_token_file=f"},
      {"create", "inbox", "--client_id=id", "--refresh_token=hush"},
      {"create", "inbox", "--client_id=id", "--refresh_token_file=/nowhere/f"},
      {"create", "inbox", "--client_id=id", "--refresh_token_file=/tmp"},
      {"create", "inbox", "--client_id=id", "--refresh_token_file=" + empty},
      {"create", "inbox", "--client_id=id", "--refresh_token_file=-", "--client_secret_file=-"},
      {"create", "inbox", "--client_id=id", "--refresh_token_file=f", "--client_auth=magic"},
      {"update", "inbox"},
      {"update", "inbox", "--refresh_token_file=f"},
      {"replace-refresh-token", "inbox"},
      {"list", "--format=xml"},
  };
  for (const auto& arguments : cases) {
    const std::string shown = ::testing::PrintToString(arguments);
    EXPECT_EQ(Run(arguments), 2) << shown;
    EXPECT_THAT(out_.str(), IsEmpty()) << shown;
    EXPECT_EQ(err_.str().find('\n'), err_.str().size() - 1) << shown << err_.str();
  }
  EXPECT_THAT(service_.last_method(), IsEmpty());
}

}  // namespace
}  // namespace token_service::client
