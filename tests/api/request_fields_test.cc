#include "server/api/request_fields.h"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>
#include <token/v1/token_service.pb.h>

#include "tests/api/request_bytes.h"

namespace token_service::api {
namespace {

using google::protobuf::util::MessageDifferencer;
using token::v1::GetAccessTokenRequest;

GetAccessTokenRequest Usual() {
  GetAccessTokenRequest request;
  request.set_credential("inbox");
  request.mutable_min_validity()->set_seconds(300);
  request.mutable_min_validity()->set_nanos(5);
  request.set_rejected_generation(1'000'000);
  return request;
}

TEST(RequestFieldsTest, ReadsWhatClientsSend) {
  const std::string bytes = Usual().SerializeAsString();
  const auto fields = ReadUsualRequest(bytes);
  ASSERT_TRUE(fields.has_value());
  EXPECT_EQ(fields->credential, "inbox");
  EXPECT_EQ(fields->min_validity->seconds(), 300);
  EXPECT_EQ(fields->min_validity->nanos(), 5);
  EXPECT_EQ(fields->rejected_generation, 1'000'000u);
}

TEST(RequestFieldsTest, ReadsAnEmptyRequest) {
  const auto fields = ReadUsualRequest("");
  ASSERT_TRUE(fields.has_value());
  EXPECT_EQ(fields->credential, "");
  EXPECT_FALSE(fields->min_validity.has_value());
  EXPECT_EQ(fields->rejected_generation, 0u);
}

TEST(RequestFieldsTest, AnEmptyMinValidityIsThere) {
  EXPECT_TRUE(ReadUsualRequest(std::string_view("\x12\x00", 2))->min_validity.has_value());
}

TEST(RequestFieldsTest, ReadsTheLongestName) {
  GetAccessTokenRequest request;
  request.set_credential(std::string(63, 'a'));
  EXPECT_EQ(ReadUsualRequest(request.SerializeAsString()).value().credential.size(), 63u);
}

TEST(RequestFieldsTest, ReadsNothingThatTheGeneratedParserReadsOtherwise) {
  std::mt19937 random(1);  // NOLINT: the same cases each time.
  std::vector<std::string> cases = NotableRequests();
  const std::vector<std::string> notable = cases;
  for (int i = 0; i < 300'000; ++i) cases.push_back(Mutated(notable, random));

  int read = 0;
  for (const std::string& bytes : cases) {
    const auto fields = ReadUsualRequest(bytes);
    if (!fields.has_value()) continue;
    ++read;
    GetAccessTokenRequest expected;
    ASSERT_TRUE(expected.ParseFromString(bytes)) << ::testing::PrintToString(bytes);
    EXPECT_EQ(fields->credential, expected.credential());
    EXPECT_EQ(fields->rejected_generation, expected.rejected_generation());
    ASSERT_EQ(fields->min_validity.has_value(), expected.has_min_validity());
    if (expected.has_min_validity()) {
      EXPECT_TRUE(MessageDifferencer::Equals(*fields->min_validity, expected.min_validity()));
    }
  }
  EXPECT_GT(read, 10'000);
}

}  // namespace
}  // namespace token_service::api
