#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "server/config/config.h"
#include "tests/app/scratch_dir.h"
#include "tests/http/test_certificates.h"
#include "tests/jose/test_keys.h"

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

std::string TextOf(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string CheckError(const std::string& file) {
  const auto config = LoadConfig(file);
  EXPECT_TRUE(config.ok()) << config.status();
  return std::string(CheckConfigFiles(*config).message());
}

TEST(ConfigFilesTest, AcceptsWhatTheServerCanStartWith) {
  const ScratchDir dir;
  dir.Write("token", "abc\n");
  dir.Write("ca.pem", TextOf(testing::TestAuthority().file()));
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

TEST(ConfigFilesTest, RefusesACaFileThatVouchesForNobody) {
  const ScratchDir dir;
  dir.Write("token", "abc");
  const std::string file = dir.Write("x.yaml", kConfig);
  const std::string at = file + ":7: credentials[0].ca_file: " + dir.Path("ca.pem");
  std::string cut = TextOf(testing::TestAuthority().file());
  cut.resize(cut.size() / 2);
  const std::pair<std::string, std::string> wrong[] = {
      {"", "holds no certificate in PEM form"},
      {testing::NewEcKey().private_pem, "holds no certificate in PEM form"},
      {cut, "holds a certificate that cannot be read"},
  };
  for (const auto& [text, what] : wrong) {
    dir.Write("ca.pem", text);
    EXPECT_EQ(CheckError(file), at + ": " + what);
  }
}

TEST(ConfigFilesTest, RefusesAClientKeyThatCannotSign) {
  const ScratchDir dir;
  dir.Write("token", "abc");
  dir.Write("ca.pem", TextOf(testing::TestAuthority().file()));
  const std::string file =
      dir.Write("x.yaml", std::string(kConfig) + R"(    client_auth: private_key_jwt
    client_key_file: key.pem
    client_assertion_algorithm: ES256
)");
  const std::string at = file + ":9: credentials[0].client_key_file: " + dir.Path("key.pem");
  EXPECT_EQ(CheckError(file), at + ": No such file or directory");
  const std::pair<std::string, std::string> wrong[] = {
      {"", "holds no private key in PEM form"},
      {std::string(70'000, 'x'), "is longer than 65536 bytes"},
      {testing::NewRsaKey().private_pem, "holds an RSA key, with which ES256 cannot be signed"},
      {testing::MismatchedEcKey(), "holds a private key that does not work"},
      {testing::WithPassphrase(testing::NewEcKey()), "holds a key that needs a passphrase"},
  };
  for (const auto& [text, what] : wrong) {
    dir.Write("key.pem", text);
    EXPECT_EQ(CheckError(file), at + ": " + what);
  }
  dir.Write("key.pem", testing::NewEcKey().private_pem);
  EXPECT_EQ(CheckError(file), "");
}

TEST(ConfigFilesTest, TriesOutAKeyThatOnlyTheDefaultsName) {
  const ScratchDir dir;
  dir.Write("key.pem", "hush");
  const std::string file =
      dir.Write("x.yaml", "data_dir: data\ndefaults: {client_key_file: key.pem}\n");
  EXPECT_EQ(CheckError(file), file + ":2: defaults.client_key_file: " + dir.Path("key.pem") +
                                  ": holds no private key in PEM form");
}

TEST(ConfigFilesTest, LooksAtADefaultCaFileThatNoDeclaredCredentialUses) {
  const ScratchDir dir;
  const std::string file = dir.Write("x.yaml", "data_dir: data\ndefaults: {ca_file: ca.pem}\n");
  EXPECT_EQ(CheckError(file),
            file + ":2: defaults.ca_file: " + dir.Path("ca.pem") + ": No such file or directory");
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
  EXPECT_EQ(LoadConfig(dir.path()).status().message(),
            dir.path() + ": is a directory, not a regular file");
}

TEST(ConfigFilesTest, AConfigFileThatIsTooLongIsRefused) {
  const ScratchDir dir;
  const std::string file = dir.Write("x.yaml", std::string(5 << 20, '#'));
  EXPECT_EQ(LoadConfig(file).status().message(), file + ":1: longer than 4194304 bytes");
}

}  // namespace
}  // namespace token_service::app
