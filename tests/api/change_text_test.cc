#include "server/api/change_text.h"

#include <gtest/gtest.h>

#include <string>

namespace token_service::api {
namespace {

TEST(ChangeTextTest, SaysWhatWasAndWhatIsAndOfSecretsOnlyThat) {
  EXPECT_EQ(DescribeChanges({}), "");
  EXPECT_EQ(DescribeChanges({{"purpose", {{"old", "new"}}}, {"client_secret", {}}}),
            R"(purpose: "old" -> "new"; client_secret: changed)");
}

TEST(ChangeTextTest, NoValueCanPassForAnotherField) {
  EXPECT_EQ(DescribeChanges({{"purpose", {{"", "x\" -> \"y\"; client_id: \"\n\x1b\\"}}}}),
            R"(purpose: "" -> "x\" -> \"y\"; client_id: \"\n\033\\")");
}

TEST(ChangeTextTest, WhatIsLongIsCut) {
  const std::string text = DescribeChanges({{"purpose", {{std::string(5000, 'a'), "b"}}}});
  EXPECT_EQ(text, "purpose: \"" + std::string(256, 'a') + "\"... -> \"b\"");
}

}  // namespace
}  // namespace token_service::api
