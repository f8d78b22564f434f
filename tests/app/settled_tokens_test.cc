// ReadDeclarations while somebody writes a token.
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "server/app/declarations.h"
#include "tests/app/scratch_dir.h"

namespace token_service::app {
namespace {

class SettledTokensTest : public ::testing::Test {
 protected:
  absl::StatusOr<Secret> Read(absl::FunctionRef<void()> meanwhile) {
    ServerConfig config;
    DeclaredCredential declared;
    declared.settings.name = "inbox";
    declared.refresh_token_file = dir_.Path("t");
    config.credentials.push_back(std::move(declared));
    auto read = ReadDeclarations(
        config, [] {},
        [&](absl::Duration) {
          ++pauses_;
          meanwhile();
        });
    EXPECT_TRUE(read.ok()) << read.status();
    return std::move(read->credentials.at("inbox").refresh_token);
  }

  ScratchDir dir_;
  int pauses_ = 0;
};

TEST_F(SettledTokensTest, HalfATokenIsNotTakenForOne) {
  dir_.Write("t", "half");
  const auto token = Read([this] { dir_.Write("t", "half and half"); });
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(token->Reveal(), "half and half");
  EXPECT_EQ(pauses_, 2);
}

TEST_F(SettledTokensTest, AFileThatIsNeverDoneIsRefused) {
  dir_.Write("t", "a");
  const auto token =
      Read([this] { dir_.Write("t", std::string(static_cast<size_t>(pauses_) + 1, 'a')); });
  EXPECT_EQ(token.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(token.status().message()).find("is being written"), std::string::npos);
}

TEST_F(SettledTokensTest, AnOldFileIsReadAtOnce) {
  dir_.Write("t", "token");
  std::filesystem::last_write_time(
      dir_.Path("t"), std::filesystem::file_time_type::clock::now() - std::chrono::seconds(10));
  const auto token = Read([] {});
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(token->Reveal(), "token");
  EXPECT_EQ(pauses_, 0);
}

}  // namespace
}  // namespace token_service::app
