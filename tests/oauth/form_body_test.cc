#include "server/oauth/form_body.h"

#include <gtest/gtest.h>

#include <string>

namespace token_service::oauth {
namespace {

TEST(FormBody, JoinsFieldsInOrder) {
  EXPECT_EQ(EncodeForm({{"a", "1"}, {"b", ""}, {"c", "3"}}).Reveal(), "a=1&b=&c=3");
}

TEST(FormBody, IsEmptyWithoutFields) { EXPECT_TRUE(EncodeForm({}).empty()); }

TEST(FormBody, LeavesUnreservedCharactersAlone) {
  EXPECT_EQ(EncodeFormValue("AZaz09-._~").Reveal(), "AZaz09-._~");
}

TEST(FormBody, EncodesWhatBase64AndFormsUse) {
  EXPECT_EQ(EncodeFormValue("a+/=&?% ").Reveal(), "a%2B%2F%3D%26%3F%25%20");
}

TEST(FormBody, EncodesNamesToo) { EXPECT_EQ(EncodeForm({{"a b", "c"}}).Reveal(), "a%20b=c"); }

TEST(FormBody, EncodesBytesOutsideAscii) {
  EXPECT_EQ(EncodeFormValue("\xE2\x82\xAC\x01\xFF").Reveal(), "%E2%82%AC%01%FF");
}

}  // namespace
}  // namespace token_service::oauth
