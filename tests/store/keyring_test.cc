#include "server/store/sealing/keyring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "tests/testing/captured_log.h"
#include "tests/testing/temp_dir.h"

namespace token_service::store {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// 32 bytes each, the first all zero.
constexpr char kKeyA[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
constexpr char kKeyB[] = "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=";

std::string Message(const absl::Status& status) { return std::string(status.message()); }

absl::StatusOr<Keyring> Parse(const std::string& text) { return Keyring::Parse(text, "ring"); }

TEST(KeyringTest, TheFirstKeySealsAndAllAreFound) {
  const auto ring =
      Parse(std::string("# rotated in May\n\nnew ") + kKeyB + "\n old\t" + kKeyA + " \r\n");
  ASSERT_TRUE(ring.ok()) << ring.status();
  EXPECT_EQ(ring->sealing_key().id, "new");
  EXPECT_EQ(ring->sealing_key().bytes.Reveal(), std::string(32, 'B'));
  ASSERT_NE(ring->Find("old"), nullptr);
  EXPECT_EQ(ring->Find("old")->bytes.Reveal(), std::string(32, '\0'));
  EXPECT_EQ(ring->Find("other"), nullptr);
}

TEST(KeyringTest, TheLastLineNeedsNoEnd) { EXPECT_TRUE(Parse(std::string("a ") + kKeyA).ok()); }

struct BadText {
  const char* name;
  std::string text;
  std::string error;
};

class BadKeyring : public ::testing::TestWithParam<BadText> {};

TEST_P(BadKeyring, IsRefusedWithFileAndLineAndNoKey) {
  const absl::Status status = Parse(GetParam().text).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(status), HasSubstr(GetParam().error));
  EXPECT_THAT(Message(status), Not(HasSubstr("QkJC")));
}

INSTANTIATE_TEST_SUITE_P(
    Texts, BadKeyring,
    ::testing::Values(
        BadText{"Empty", "", "ring: holds no key"},
        BadText{"CommentsOnly", "# nothing\n\n", "ring: holds no key"},
        BadText{"NoKey", "a\n", "ring:1: want `ID BASE64`"},
        BadText{"KeyWithoutId", std::string(kKeyB) + "\n", "ring:1: want `ID BASE64`"},
        BadText{"BadId", std::string("a/b ") + kKeyB, "ring:1: a key's id"},
        BadText{"LongId", std::string(65, 'a') + " " + kKeyB, "ring:1: a key's id"},
        BadText{"BadBase64", "#\na QkJC!kJC\n", "ring:2: the key is not valid base64"},
        BadText{"NoPadding", "a QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI", "ring:1: the key is"},
        BadText{"Short", "a QkJC\n", "ring:1: a key is 32 bytes, this one is 3"},
        BadText{"Long", std::string("a QkJC") + kKeyB, "ring:1: a key is 32 bytes, this one is 35"},
        BadText{"VeryLong", "a " + std::string(400, 'Q'), "ring:1: a key is 32 bytes"},
        BadText{"ThirdWord", std::string("a ") + kKeyB + " b", "ring:1: the key is not valid"},
        BadText{"Twice", std::string("a ") + kKeyA + "\na " + kKeyB, "ring:2: this id"}),
    [](const auto& info) { return info.param.name; });

TEST(KeyringFileTest, AMissingFileIsNotFoundAndNamed) {
  const testing::TempDir dir;
  const absl::Status status = Keyring::Load(dir.File("absent")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(status), HasSubstr(dir.File("absent")));
}

TEST(KeyringFileTest, ADirectoryIsRefused) {
  const testing::TempDir dir;
  const absl::Status status = Keyring::Load(dir.path()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(status), HasSubstr("is a directory"));
}

TEST(KeyringFileTest, ErrorsNameTheFileAndTheLine) {
  const testing::TempDir dir;
  std::ofstream(dir.File("ring")) << "# keys\na nonsense!\n";
  EXPECT_THAT(Message(Keyring::Load(dir.File("ring")).status()),
              HasSubstr(dir.File("ring") + ":2:"));
}

TEST(KeyringFileTest, AHugeFileIsRefused) {
  const testing::TempDir dir;
  std::ofstream(dir.File("ring")) << std::string(100'000, '#');
  EXPECT_EQ(Keyring::Load(dir.File("ring")).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(KeyringFileTest, AFileThatOthersCanReadIsWarnedAboutAndUsed) {
  const testing::TempDir dir;
  ASSERT_TRUE(Keyring::Generate(dir.File("ring")).ok());
  ASSERT_EQ(chmod(dir.File("ring").c_str(), 0644), 0);
  const std::string log =
      testing::CapturedLog([&] { EXPECT_TRUE(Keyring::Load(dir.File("ring")).ok()); });
  EXPECT_THAT(log, HasSubstr("others can read the key file"));
}

TEST(KeyringFileTest, APrivateFileIsNotWarnedAbout) {
  const testing::TempDir dir;
  ASSERT_TRUE(Keyring::Generate(dir.File("ring")).ok());
  EXPECT_EQ(testing::CapturedLog([&] { EXPECT_TRUE(Keyring::Load(dir.File("ring")).ok()); }), "");
}

TEST(KeyringFileTest, AGeneratedKeyIsPrivateAndStays) {
  const testing::TempDir dir;
  const std::string path = dir.File("sealing.key");
  absl::StatusOr<Keyring> made = absl::UnknownError("not made");
  const std::string log = testing::CapturedLog([&] { made = Keyring::LoadOrCreate(path); });
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_THAT(log, HasSubstr("a sealing key was made"));
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  const auto again = Keyring::LoadOrCreate(path);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->sealing_key().bytes == made->sealing_key().bytes);
}

TEST(KeyringFileTest, GenerateLeavesNothingElseBehind) {
  const testing::TempDir dir;
  ASSERT_TRUE(Keyring::Generate(dir.File("ring")).ok());
  int files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(dir.path()))
    ++files;
  EXPECT_EQ(files, 1);
}

TEST(KeyringFileTest, GenerateReplacesNoFile) {
  const testing::TempDir dir;
  std::ofstream(dir.File("ring")) << "precious";
  EXPECT_EQ(Keyring::Generate(dir.File("ring")).code(), absl::StatusCode::kAlreadyExists);
}

TEST(KeyringFileTest, GeneratedKeysDiffer) {
  const testing::TempDir dir;
  const auto a = Keyring::LoadOrCreate(dir.File("a"));
  const auto b = Keyring::LoadOrCreate(dir.File("b"));
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_FALSE(a->sealing_key().bytes == b->sealing_key().bytes);
  EXPECT_NE(a->sealing_key().id, b->sealing_key().id);
}

}  // namespace
}  // namespace token_service::store
