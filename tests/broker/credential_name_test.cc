#include "server/broker/credential_name.h"

#include <gtest/gtest.h>

#include <string>

namespace token_service::broker {
namespace {

TEST(CredentialNameTest, KnowsNames) {
  for (const std::string& name : {std::string("a"), std::string("0"), std::string("support-inbox"),
                                  std::string("a.b_c-d"), std::string(63, 'x')}) {
    EXPECT_TRUE(IsCredentialName(name)) << name;
  }
  for (const std::string& name :
       {std::string(), std::string("-a"), std::string(".a"), std::string("_a"), std::string("A"),
        std::string("a b"), std::string("a/b"), std::string("a\n"), std::string("a\0", 2),
        std::string("\xC3\xA9"), std::string(64, 'x')}) {
    EXPECT_FALSE(IsCredentialName(name)) << name;
  }
}

}  // namespace
}  // namespace token_service::broker
