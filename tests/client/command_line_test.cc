#include "client/command/command_line.h"

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/fake_token_service.h"

namespace token_service::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;
using token_service::testing::FakeTokenService;
using token_service::testing::StatusWithReason;

class CommandLineTest : public ::testing::Test {
 protected:
  CommandLineTest() {
    token::v1::GetAccessTokenResponse response;
    response.set_access_token("an-access-token");
    response.set_token_type("Bearer");
    response.mutable_expires_in()->set_seconds(3599);
    response.set_credential("default");
    response.set_generation(3);
    service_.AnswerWith(std::move(response));
  }

  int Run(const std::vector<std::string>& arguments) {
    out_.str("");
    err_.str("");
    return RunCommandLine(arguments, out_, err_);
  }

  int RunAtServer(std::vector<std::string> arguments) {
    arguments.push_back("--server=" + service_.address());
    return Run(arguments);
  }

  FakeTokenService service_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(CommandLineTest, AStraySecretIsNotRepeated) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"get", "--refresh_token=hush"}, {"get", "--refresh_token", "hush"}, {"get", "hush"}}) {
    EXPECT_EQ(Run(arguments), 2);
    EXPECT_EQ(err_.str().find("hush"), std::string::npos) << err_.str();
    EXPECT_THAT(err_.str(), StartsWith("token-client: "));
  }
}

TEST_F(CommandLineTest, GetPrintsTheTokenAlone) {
  EXPECT_EQ(RunAtServer({"get"}), 0);
  EXPECT_EQ(out_.str(), "an-access-token\n");
  EXPECT_THAT(err_.str(), IsEmpty());
}

TEST_F(CommandLineTest, GetPrintsAHeaderForCurl) {
  EXPECT_EQ(RunAtServer({"get", "--format=header"}), 0);
  EXPECT_EQ(out_.str(), "Authorization: Bearer an-access-token\n");
}

TEST_F(CommandLineTest, GetPrintsTheAnswerAsJson) {
  EXPECT_EQ(RunAtServer({"get", "--format=json"}), 0);
  EXPECT_EQ(out_.str(),
            R"({"accessToken":"an-access-token","tokenType":"Bearer","expiresIn":"3599s",)"
            R"("credential":"default","generation":"3"})"
            "\n");
}

TEST_F(CommandLineTest, FlagsMayComeBeforeAndAfterTheCommand) {
  EXPECT_EQ(Run({"--server", service_.address(), "get", "--credential", "inbox", "--timeout=30s"}),
            0);
  EXPECT_EQ(service_.last_request().credential(), "inbox");
}

TEST_F(CommandLineTest, SendsMinValidityOnlyWhenGiven) {
  EXPECT_EQ(RunAtServer({"get"}), 0);
  EXPECT_FALSE(service_.last_request().has_min_validity());

  EXPECT_EQ(RunAtServer({"get", "--min_validity=1m500ms"}), 0);
  EXPECT_EQ(service_.last_request().min_validity().seconds(), 60);
  EXPECT_EQ(service_.last_request().min_validity().nanos(), 500'000'000);

  EXPECT_EQ(RunAtServer({"get", "--min_validity=0s"}), 0);
  EXPECT_TRUE(service_.last_request().has_min_validity());
}

TEST_F(CommandLineTest, SendsTheRejectedGeneration) {
  EXPECT_EQ(RunAtServer({"get", "--rejected_generation=3"}), 0);
  EXPECT_EQ(service_.last_request().rejected_generation(), 3u);
}

TEST_F(CommandLineTest, ServersNoIsOneLineAndExit1) {
  service_.AnswerWith(StatusWithReason(grpc::StatusCode::NOT_FOUND, "no credential named x",
                                       "CREDENTIAL_NOT_FOUND"));
  EXPECT_EQ(RunAtServer({"get", "--credential=x"}), 1);
  EXPECT_EQ(err_.str(), "token-client: " + service_.address() +
                            ": NOT_FOUND CREDENTIAL_NOT_FOUND: no credential named x\n");
  EXPECT_THAT(out_.str(), IsEmpty());
}

TEST_F(CommandLineTest, AServerThatIsNotThereIsOneLineAndExit1) {
  EXPECT_EQ(Run({"get", "--server=unix:/nowhere/token-server.sock"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("UNAVAILABLE"));
  EXPECT_EQ(err_.str().find('\n'), err_.str().size() - 1);
}

TEST_F(CommandLineTest, ATokenThatWouldForgeAHeaderIsNotPrinted) {
  token::v1::GetAccessTokenResponse response;
  response.set_access_token("a\r\nX-Forged: 1");
  service_.AnswerWith(std::move(response));
  EXPECT_EQ(RunAtServer({"get"}), 1);
  EXPECT_THAT(out_.str(), IsEmpty());
}

TEST_F(CommandLineTest, WhatCannotBeWrittenIsAFailure) {
  std::ostringstream closed;
  closed.setstate(std::ios::badbit);
  EXPECT_EQ(RunCommandLine({"get", "--server=" + service_.address()}, closed, err_), 1);
}

TEST_F(CommandLineTest, WrongUsageIsOneLineAndExit2) {
  const std::vector<std::vector<std::string>> cases = {
      {},
      {"fetch"},
      {"get", "--unknown"},
      {"--unknown=1", "get"},
      {"get", "extra"},
      {"get", "--format=xml"},
      {"get", "--timeout=soon"},
      {"get", "--timeout=0s"},
      {"get", "--timeout=inf"},
      {"get", "--timeout"},
      {"get", "--min_validity=-1s"},
      {"get", "--rejected_generation=-1"},
      {"get", "--rejected_generation=x"},
      {"get", "--rejected_generation=1.5"},
      {"get", "--rejected_generation=18446744073709551616"},
      {"get", "--server="},
      {"get", "--tls_ca_file=/nowhere/ca.pem"},
      {"get", "--tls_certificate_file=/nowhere/cert.pem"},
  };
  for (const auto& arguments : cases) {
    const std::string shown = ::testing::PrintToString(arguments);
    EXPECT_EQ(Run(arguments), 2) << shown;
    EXPECT_THAT(out_.str(), IsEmpty()) << shown;
    EXPECT_EQ(err_.str().find('\n'), err_.str().size() - 1) << shown << err_.str();
  }
}

TEST_F(CommandLineTest, AnUnknownCommandIsNamed) {
  EXPECT_EQ(Run({"fetch"}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("there is no command 'fetch'"));
  EXPECT_EQ(Run({"--timeout=1s", "credential", "make"}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("there is no command 'make'"));
  EXPECT_EQ(Run({"--never"}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("unknown flag --never"));
  EXPECT_EQ(Run({}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("a command is missing"));
}

TEST_F(CommandLineTest, WhatMayBeASecretInTheCommandsPlaceIsNotRepeated) {
  for (const std::string secret :
       {"c0ffee", "Tr0ub4dor", "correcthorsebatterystaplecorrecthorse"}) {
    EXPECT_EQ(Run({secret}), 2);
    EXPECT_THAT(err_.str(), Not(HasSubstr(secret)));
    EXPECT_THAT(err_.str(), HasSubstr("an unknown command"));
  }
}

TEST_F(CommandLineTest, AnEmptyPlaceForTheTokenIsAnError) {
  for (const std::string flag : {"--token_file", "--token_env"}) {
    EXPECT_EQ(Run({"exec", flag + "=", "--", "true"}), 2);
    EXPECT_THAT(err_.str(), HasSubstr(flag + ": is empty"));
  }
}

TEST_F(CommandLineTest, TellsItsVersion) {
  EXPECT_EQ(Run({"--version"}), 0);
  EXPECT_THAT(out_.str(), MatchesRegex("token-client [0-9]+\\.[0-9]+\\.[0-9]+\n"));
  EXPECT_THAT(err_.str(), IsEmpty());
}

TEST_F(CommandLineTest, AWrongGenerationIsQuoted) {
  EXPECT_EQ(Run({"get", "--rejected_generation=-1"}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("--rejected_generation: '-1' is no generation"));
}

TEST_F(CommandLineTest, HelpTellsCommandsFlagsAndExitCodes) {
  EXPECT_EQ(Run({"--help"}), 0);
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("get"), HasSubstr("--server"), HasSubstr("--tls_ca_file"),
                                HasSubstr("Exit status")));
  EXPECT_THAT(err_.str(), IsEmpty());

  EXPECT_EQ(Run({"get", "--help"}), 0);
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("--format"), HasSubstr("--min_validity")));
}

}  // namespace
}  // namespace token_service::client
