#include "server/base/secret.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

namespace token_service {
namespace {

template <typename T>
concept Streamable = requires(std::ostream& out, const T& value) {
  out << value;
};

static_assert(Streamable<std::string>);
static_assert(!Streamable<Secret>);
static_assert(!std::is_copy_constructible_v<Secret>);
static_assert(!std::is_copy_assignable_v<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string>);
static_assert(!std::is_convertible_v<Secret, std::string_view>);
static_assert(!std::is_convertible_v<std::string, Secret>);
static_assert(!std::is_constructible_v<Secret, const char*>);

Secret Make(std::string_view text) { return Secret(text); }

TEST(SecretTest, RevealsWhatItWasGiven) {
  EXPECT_EQ(Make("hush").Reveal(), "hush");
  EXPECT_EQ(Make("hush").size(), 4U);
  EXPECT_TRUE(Secret().empty());
  EXPECT_EQ(Secret().Reveal(), "");
}

TEST(SecretTest, WipesTheStringItTakes) {
  std::string given = "a refresh token, long enough not to be stored inside the string";
  const char* const bytes = given.data();
  const size_t size = given.size();
  const Secret secret(std::move(given));
  EXPECT_EQ(secret.size(), size);
  // The buffer still belongs to `given`.
  EXPECT_EQ(std::string(bytes, size), std::string(size, '\0'));
}

TEST(SecretTest, MovingLeavesTheSourceEmpty) {
  Secret source = Make("hush");
  Secret target(std::move(source));
  EXPECT_EQ(target.Reveal(), "hush");
  EXPECT_TRUE(source.empty());  // NOLINT(bugprone-use-after-move): the point.
}

TEST(SecretTest, AssignmentReplacesTheValueAndSurvivesItself) {
  Secret secret = Make("old");
  secret = Make("new");
  EXPECT_EQ(secret.Reveal(), "new");
  Secret& same = secret;
  secret = std::move(same);
  EXPECT_EQ(secret.Reveal(), "new");
}

TEST(SecretTest, CopiesAreIndependent) {
  Secret original = Make("hush");
  const Secret copy = original.Copy();
  original = Make("other");
  EXPECT_EQ(copy.Reveal(), "hush");
}

TEST(SecretTest, EqualityComparesEveryByte) {
  EXPECT_TRUE(Make("hush") == Make("hush"));
  EXPECT_TRUE(Secret() == Make(""));
  EXPECT_FALSE(Make("hush") == Make("husk"));
  EXPECT_FALSE(Make("hush") == Make("Hush"));
  EXPECT_FALSE(Make("hush") == Make("hus"));
}

TEST(SecretTest, WipeStringClearsBeyondTheEnd) {
  std::string text(64, 'x');
  text.resize(8);
  const char* const bytes = text.data();
  WipeString(text);
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(bytes[0], '\0');
}

}  // namespace
}  // namespace token_service
