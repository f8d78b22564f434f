#include "server/api/prepared_token.h"

#include <gtest/gtest.h>
#include <token/v1/token_service.grpc.pb.h>

#include <thread>
#include <vector>

namespace token_service::api {
namespace {

using token::v1::GetAccessTokenResponse;
using token::v1::WatchAccessTokenResponse;

broker::AccessToken SomeToken() {
  broker::AccessToken token;
  token.credential = "inbox";
  token.value = Secret(std::string(300, 'x') + "FAKE-ACCESS-TOKEN");
  token.token_type = "Bearer";
  token.scope = "tickets";
  token.generation = 7;
  token.expire_time = absl::FromUnixMillis(1'700'000'000'500);
  token.expires = MonotonicTime(absl::Seconds(100));
  return token;
}

template <typename Message>
Message Parsed(grpc::ByteBuffer bytes) {
  Message message;
  EXPECT_TRUE(grpc::SerializationTraits<Message>::Deserialize(&bytes, &message).ok());
  return message;
}

void ExpectTheToken(const GetAccessTokenResponse& response) {
  EXPECT_EQ(response.access_token(), std::string(300, 'x') + "FAKE-ACCESS-TOKEN");
  EXPECT_EQ(response.token_type(), "Bearer");
  EXPECT_EQ(response.scope(), "tickets");
  EXPECT_EQ(response.credential(), "inbox");
  EXPECT_EQ(response.generation(), 7u);
  EXPECT_EQ(response.expire_time().seconds(), 1'700'000'000);
  EXPECT_EQ(response.expire_time().nanos(), 500'000'000);
}

TEST(PreparedTokenTest, ATokenIsSentWithWhatIsLeftOfIt) {
  const PreparedToken prepared(SomeToken());
  const auto response =
      Parsed<GetAccessTokenResponse>(prepared.Response(MonotonicTime(absl::Milliseconds(98'750))));
  ExpectTheToken(response);
  EXPECT_EQ(response.expires_in().seconds(), 1);
  EXPECT_EQ(response.expires_in().nanos(), 250'000'000);
}

TEST(PreparedTokenTest, AWatcherGetsTheSame) {
  const PreparedToken prepared(SomeToken());
  const auto response = Parsed<WatchAccessTokenResponse>(
      prepared.WatchResponse(MonotonicTime(absl::Milliseconds(98'750))));
  ExpectTheToken(response.token());
  EXPECT_EQ(response.token().expires_in().seconds(), 1);
  EXPECT_EQ(response.token().expires_in().nanos(), 250'000'000);
}

TEST(PreparedTokenTest, NothingIsLeftOfATokenThatExpired) {
  const PreparedToken prepared(SomeToken());
  const auto response =
      Parsed<GetAccessTokenResponse>(prepared.Response(MonotonicTime(absl::Seconds(101))));
  ASSERT_TRUE(response.has_expires_in());
  EXPECT_EQ(response.expires_in().seconds(), 0);
  EXPECT_EQ(response.expires_in().nanos(), 0);
}

TEST(PreparedTokenTest, ALifeWithoutEndIsALongOne) {
  broker::AccessToken token = SomeToken();
  token.expires = MonotonicTime::Never();
  const auto response =
      Parsed<GetAccessTokenResponse>(PreparedToken(token).Response(MonotonicTime()));
  EXPECT_EQ(response.expires_in().seconds(), 315'576'000'000) << "the most a Duration may say";
  EXPECT_EQ(response.expires_in().nanos(), 0);
}

TEST(PreparedTokenTest, AnswersShareTheBytes) {
  const broker::AccessToken token = SomeToken();
  const auto bytes_of = [&](absl::Duration now) {
    std::vector<grpc::Slice> slices;
    EXPECT_TRUE(PreparedToken::Of(token).Response(MonotonicTime(now)).Dump(&slices).ok());
    return slices.at(0).begin();
  };
  EXPECT_EQ(bytes_of(absl::Seconds(1)), bytes_of(absl::Seconds(2)));
}

TEST(PreparedTokenTest, AnAnswerUnderWayOutlivesTheToken) {
  grpc::ByteBuffer answer;
  {
    const broker::AccessToken token = SomeToken();
    answer = PreparedToken::Of(token).Response(MonotonicTime());
  }
  ExpectTheToken(Parsed<GetAccessTokenResponse>(answer));
}

TEST(PreparedTokenTest, IsMadeOnceAlsoWhenManyAskAtOnce) {
  const broker::AccessToken token = SomeToken();
  std::vector<const PreparedToken*> seen(8);
  std::vector<std::thread> threads;
  for (auto& one : seen) {
    threads.emplace_back([&token, &one] { one = &PreparedToken::Of(token); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const PreparedToken* one : seen) EXPECT_EQ(one, seen.front());
}

}  // namespace
}  // namespace token_service::api
