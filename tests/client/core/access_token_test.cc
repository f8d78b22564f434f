#include "token_service/access_token.h"

#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

#include "gtest/gtest.h"

namespace token_service::client {
namespace {

template <typename T, typename = void>
struct IsPrintable : std::false_type {};
template <typename T>
struct IsPrintable<T, std::void_t<decltype(std::declval<std::ostream&>() << std::declval<T>())>>
    : std::true_type {};

static_assert(IsPrintable<std::string>::value);
static_assert(!IsPrintable<const AccessToken&>::value);
static_assert(!std::is_convertible_v<const AccessToken&, std::string>);
static_assert(!std::is_copy_constructible_v<AccessToken>);

TEST(AccessTokenTest, ShowsTheTokenAndTheHeader) {
  std::string bytes = "abc.def-ghi_0123456789~+/==";
  const auto token = AccessToken::Create(std::move(bytes), {.token_type = "Bearer",
                                                            .credential = "inbox",
                                                            .scope = "read",
                                                            .generation = 7,
                                                            .expire_time = absl::UnixEpoch()});
  ASSERT_NE(token, nullptr);
  EXPECT_EQ(token->Reveal(), "abc.def-ghi_0123456789~+/==");
  EXPECT_EQ(token->RevealAuthorization(), "Bearer abc.def-ghi_0123456789~+/==");
  EXPECT_EQ(token->generation(), 7u);
  EXPECT_EQ(token->credential(), "inbox");
  EXPECT_EQ(token->scope(), "read");
}

TEST(AccessTokenTest, RefusesWhatWouldForgeAHeader) {
  for (const std::string bad : {"", "a\r\nX-Forged: 1", "a b", "a\tb", "\x7f", "\xc3\xa4"}) {
    EXPECT_EQ(AccessToken::Create(std::string(bad), {.token_type = "Bearer"}), nullptr) << bad;
    EXPECT_EQ(AccessToken::Create("token", {.token_type = bad}), nullptr) << bad;
  }
}

TEST(AccessTokenTest, TheStringItWasMadeOfIsWiped) {
  std::string bytes(100, 'x');
  const char* const where = bytes.data();
  const auto token = AccessToken::Create(std::move(bytes), {.token_type = "Bearer"});
  ASSERT_NE(token, nullptr);
  EXPECT_EQ(bytes.data(), where);  // NOLINT(bugprone-use-after-move): what is left is the question.
  EXPECT_EQ(std::string(where, 100), std::string(100, '\0'));
}

}  // namespace
}  // namespace token_service::client
