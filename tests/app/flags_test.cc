#include "server/config/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/config/command_line.h"

namespace token_service::app {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Arguments = std::vector<std::string>;

CommandLine Parse(const Arguments& arguments) {
  const auto line = ParseFlags(arguments);
  EXPECT_TRUE(line.ok()) << line.status();
  return line.ok() ? *line : CommandLine();
}

TEST(FlagsTest, ReadsBothSpellings) {
  EXPECT_EQ(Parse({"--config=a=b.yaml"}).config, "a=b.yaml");
  EXPECT_EQ(Parse({"--config", "a.yaml"}).config, "a.yaml");
}

TEST(FlagsTest, FindsTheCommand) {
  EXPECT_EQ(Parse({"--config=a"}).command, Command::kServe);
  EXPECT_EQ(Parse({"--config=a", "--check_config"}).command, Command::kCheckConfig);
  EXPECT_EQ(Parse({"--config=a", "--check_config=false"}).command, Command::kServe);
  EXPECT_EQ(Parse({"rekey", "--config=a"}).command, Command::kRekey);
  EXPECT_TRUE(Parse({"--config=a", "--hold"}).hold);
  EXPECT_FALSE(Parse({"--config=a", "--hold=false"}).hold);
  EXPECT_EQ(Parse({"--config", "a", "rekey"}).command, Command::kRekey);
  EXPECT_EQ(Parse({"init", "--data_dir=d"}).command, Command::kInit);
  const CommandLine backup = Parse({"backup", "--config", "a", "copy"});
  EXPECT_EQ(backup.command, Command::kBackup);
  EXPECT_EQ(backup.file, "copy");
  const CommandLine restore =
      Parse({"restore", "--force", "--config=a", "copy", "--sealing_key_file=k"});
  EXPECT_EQ(restore.command, Command::kRestore);
  EXPECT_EQ(restore.file, "copy");
  EXPECT_TRUE(restore.force);
  EXPECT_EQ(restore.sealing_key_file, "k");
  EXPECT_EQ(Parse({"--help"}).command, Command::kHelp);
  EXPECT_EQ(Parse({"-h"}).command, Command::kHelp);
  EXPECT_EQ(Parse({"--version", "--config=a"}).command, Command::kVersion);
}

TEST(FlagsTest, ListenMayBeRepeated) {
  EXPECT_THAT(Parse({"--listen=a", "--listen", "b"}).listen, ElementsAre("a", "b"));
}

TEST(FlagsTest, BadCommandLinesGetOneLineWithoutValues) {
  const struct {
    Arguments arguments;
    std::string error;
  } cases[] = {
      {{}, "no configuration: give --config=FILE, or see --help for the flags that take its place"},
      {{"--check_config"},
       "no configuration: give --config=FILE, or see --help for the flags that take its place"},
      {{"--confg=a"}, "unknown flag --confg; did you mean --config?"},
      {{"--check-config"}, "unknown flag --check-config; did you mean --check_config?"},
      {{"--refresh_token=hush"},
       "unknown flag --refresh_token; did you mean --refresh_token_file?"},
      {{"--quite_other"}, "unknown flag --quite_other; see --help"},
      {{"--config=a", "--config=b"}, "--config: given twice"},
      {{"--config"}, "--config: needs a value"},
      {{"--config="}, "--config: needs a value"},
      {{"--config", "--check_config"}, "--config: needs a value"},
      {{"--check_config=maybe"}, "--check_config: expected true or false"},
      {{"hush"}, "an argument that is no flag; see --help"},
      {{"-v"}, "an argument that is no flag; see --help"},
      {{"--"}, "an argument that is no flag; see --help"},
      {{"rekey", "rekey"}, "an argument that is no flag; see --help"},
      {{"backup", "--config=a"}, "backup: needs a FILE; see --help"},
      {{"backup", "--config=a", "copy", "hush"}, "an argument that is no flag; see --help"},
      {{"init", "--config=a", "hush"}, "an argument that is no flag; see --help"},
      {{"copy", "backup", "--config=a"}, "an argument that is no flag; see --help"},
      {{"backup", "--config=a", "copy", "--force"}, "--force: is for restore, and nothing else"},
      {{"--config=a", "--sealing_key_file=k"},
       "--sealing_key_file: is for restore, and nothing else"},
      {{"restore", "--config=a", "copy", "--check_config"},
       "--check_config: cannot be used with restore"},
      {{"rekey", "--config=a", "--hold"}, "--hold: is for serving, and nothing else"},
      {{"--config=a", "--hold", "--hold"}, "--hold: given twice"},
      {{"rekey", "--config=a", "--check_config"}, "--check_config: cannot be used with rekey"},
      {{"--config=a", "--listen=b"},
       "--config: cannot be mixed with the flags that take its place; see --help"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(ParseFlags(c.arguments).status(), absl::InvalidArgumentError(c.error));
  }
}

TEST(FlagsTest, UsageNamesEveryFlag) {
  for (const char* flag :
       {"--config", "--check_config", "--listen", "--data_dir", "--token_endpoint", "--client_id",
        "--refresh_token_file", "--hold", "--force", "--sealing_key_file", "--version", "--help"}) {
    EXPECT_THAT(std::string(UsageText()), HasSubstr(flag));
  }
}

const Arguments kWhole = {"--data_dir=d", "--token_endpoint=http://127.0.0.1:1/token",
                          "--client_id=c", "--refresh_token_file=f"};

TEST(ConfigFromCommandLineTest, FlagsDescribeOneCredential) {
  const auto config = ConfigFromCommandLine(Parse(kWhole));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->data_dir, "d");
  EXPECT_THAT(config->listen, ElementsAre(Address(TcpAddress{"127.0.0.1", 50051})));
  ASSERT_EQ(config->credentials.size(), 1U);
  const DeclaredCredential& credential = config->credentials[0];
  EXPECT_EQ(credential.settings.name, "default");
  EXPECT_EQ(credential.settings.client_id, "c");
  EXPECT_EQ(credential.settings.token_endpoint, "http://127.0.0.1:1/token");
  EXPECT_EQ(credential.refresh_token_file, "f");
  EXPECT_EQ(config->files[0].where, "--refresh_token_file");
}

TEST(ConfigFromCommandLineTest, ErrorsNameTheFlag) {
  const struct {
    Arguments more;
    size_t without;  // Index in kWhole; its size: none.
    std::string error;
  } cases[] = {
      {{}, 0, "--data_dir: is required"},
      {{}, 1, "--token_endpoint: is required"},
      {{}, 2, "--client_id: is required"},
      {{}, 3, "--refresh_token_file: is required"},
      {{"--token_endpoint=http://h/t"},
       1,
       "--token_endpoint: expected https (http is for a loopback host only)"},
      {{"--listen=x"}, 4, "--listen: expected HOST:PORT, [IPV6]:PORT or unix:PATH, got \"x\""},
  };
  for (const auto& c : cases) {
    Arguments arguments = c.more;
    for (size_t i = 0; i < kWhole.size(); ++i) {
      if (i != c.without) arguments.push_back(kWhole[i]);
    }
    EXPECT_EQ(ConfigFromCommandLine(Parse(arguments)).status(),
              absl::InvalidArgumentError(c.error));
  }
}

TEST(ConfigFromCommandLineTest, AFileIsLoaded) {
  EXPECT_EQ(ConfigFromCommandLine(Parse({"--config=/nonexistent.yaml"})).status().message(),
            "/nonexistent.yaml: No such file or directory");
}

}  // namespace
}  // namespace token_service::app
