#include "server/store/sealing/token_hasher.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace token_service::store {
namespace {

TEST(TokenHasherTest, OneTokenHasOneHashUnderOneKey) {
  const Secret key = TokenHasher::NewKey();
  const Secret token(std::string_view("a refresh token"));
  const std::string hash = TokenHasher(key.Copy()).Hash(token);
  EXPECT_EQ(hash.size(), TokenHasher::kSize);
  EXPECT_EQ(hash, TokenHasher(key.Copy()).Hash(token));
  EXPECT_NE(hash, TokenHasher(key.Copy()).Hash(Secret(std::string_view("another"))));
}

TEST(TokenHasherTest, WithoutTheKeyNothingIsKnownOfIt) {
  const Secret token(std::string_view("a refresh token"));
  EXPECT_NE(TokenHasher(TokenHasher::NewKey()).Hash(token),
            TokenHasher(TokenHasher::NewKey()).Hash(token));
}

TEST(TokenHasherTest, NoTokenHasNoHash) {
  EXPECT_EQ(TokenHasher(TokenHasher::NewKey()).Hash(Secret()), "");
}

}  // namespace
}  // namespace token_service::store
