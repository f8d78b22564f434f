#include <gtest/gtest.h>

#include <string>

#include "server/app/config/config.h"
#include "tests/app/scratch_dir.h"

namespace token_service::app {
namespace {

constexpr char kConfig[] = R"(data_dir: data
credentials:
  - name: inbox
    client_id: c
    token_endpoint: https://api.example/token
    refresh_token_file: token
    ca_file: ca.pem
)";

std::string CheckError(const std::string& file) {
  const auto config = LoadConfig(file);
  EXPECT_TRUE(config.ok()) << config.status();
  return std::string(CheckConfigFiles(*config).message());
}

TEST(ConfigFilesTest, AcceptsWhatTheServerCanStartWith) {
  const ScratchDir dir;
  dir.Write("token", "abc\n");
  dir.Write("ca.pem", "");
  EXPECT_EQ(CheckError(dir.Write("x.yaml", kConfig)), "");
}

TEST(ConfigFilesTest, NamesTheLineThatNamesABadFile) {
  const ScratchDir dir;
  const std::string file = dir.Write("x.yaml", kConfig);
  EXPECT_EQ(CheckError(file), file + ":6: credentials[0].refresh_token_file: " + dir.Path("token") +
                                  ": No such file or directory");
  dir.Write("token", " ");
  EXPECT_EQ(CheckError(file),
            file + ":6: credentials[0].refresh_token_file: " + dir.Path("token") + ": is empty");
  dir.Write("token", "abc");
  EXPECT_EQ(CheckError(file), file + ":7: credentials[0].ca_file: " + dir.Path("ca.pem") +
                                  ": No such file or directory");
}

TEST(ConfigFilesTest, RefusesADataDirThatIsAFile) {
  const ScratchDir dir;
  dir.Write("data", "");
  EXPECT_EQ(CheckError(dir.Write("x.yaml", "data_dir: data")),
            "data_dir: " + dir.Path("data") + ": is not a directory");
}

TEST(ConfigFilesTest, AConfigFileThatCannotBeReadIsNamed) {
  const ScratchDir dir;
  EXPECT_EQ(LoadConfig(dir.Path("none")).status().message(),
            dir.Path("none") + ": No such file or directory");
  EXPECT_EQ(LoadConfig(dir.path()).status().message(), dir.path() + ": is a directory");
}

TEST(ConfigFilesTest, AConfigFileThatIsTooLongIsRefused) {
  const ScratchDir dir;
  const std::string file = dir.Write("x.yaml", std::string(5 << 20, '#'));
  EXPECT_EQ(LoadConfig(file).status().message(), file + ":1: longer than 4194304 bytes");
}

}  // namespace
}  // namespace token_service::app
