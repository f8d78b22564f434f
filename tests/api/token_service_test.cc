// TokenServiceImpl, which deals in bytes, beside TypedTokenService: whatever is sent, both answer
// the same.

#include "server/api/token_service.h"

#include <google/protobuf/util/message_differencer.h>
#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <random>
#include <utility>

#include "absl/synchronization/notification.h"
#include "server/broker/refresher.h"
#include "tests/api/request_bytes.h"
#include "tests/api/typed_token_service.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_timer_queue.h"
#include "tests/testing/manual_executor.h"
#include "tests/testing/memory_credential_store.h"
#include "tests/testing/scripted_token_endpoint.h"

namespace {

std::atomic<int> g_pushes = 0;

}  // namespace

// Instead of the C library's, for this whole program.
extern "C" int setsockopt(int fd, int level, int option, const void* value, socklen_t size) {
  if (level == IPPROTO_TCP && option == TCP_NODELAY) ++g_pushes;
  return static_cast<int>(syscall(SYS_setsockopt, fd, level, option, value, size));
}

namespace token_service::api {
namespace {

using google::protobuf::util::MessageDifferencer;
using token::v1::GetAccessTokenResponse;

struct Reply {
  grpc::Status status;
  std::string bytes;
};

// A service on a socket of its own.
class Served {
 public:
  explicit Served(grpc::Service& service) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service);
    server_ = builder.BuildAndStart();
    stub_.emplace(grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                                      grpc::InsecureChannelCredentials()));
  }

  // A call under way.
  class Pending {
   public:
    Pending(grpc::GenericStub& stub, grpc::ByteBuffer request) : request_(std::move(request)) {
      stub.UnaryCall(&context_, "/token.v1.TokenService/GetAccessToken", {}, &request_, &response_,
                     [this](grpc::Status status) {
                       status_ = std::move(status);
                       done_.Notify();
                     });
    }

    Reply Wait() {
      done_.WaitForNotification();
      Reply reply{.status = status_, .bytes = ""};
      std::vector<grpc::Slice> out;
      if (response_.Valid()) {
        EXPECT_TRUE(response_.Dump(&out).ok());
      }
      for (const grpc::Slice& slice : out) {
        reply.bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
      }
      return reply;
    }

   private:
    grpc::ClientContext context_;
    const grpc::ByteBuffer request_;
    grpc::ByteBuffer response_;
    grpc::Status status_;
    absl::Notification done_;
  };

  // In so many slices: how a message that came in several frames looks.
  std::unique_ptr<Pending> Start(const std::string& bytes, size_t slices) {
    std::vector<grpc::Slice> parts;
    for (size_t i = 0; i < slices; ++i) {
      const size_t begin = bytes.size() * i / slices;
      parts.emplace_back(bytes.data() + begin, bytes.size() * (i + 1) / slices - begin);
    }
    return std::make_unique<Pending>(*stub_, grpc::ByteBuffer(parts.data(), parts.size()));
  }

  Reply Call(const std::string& bytes, size_t slices) { return Start(bytes, slices)->Wait(); }

 private:
  std::unique_ptr<grpc::Server> server_;
  std::optional<grpc::GenericStub> stub_;
};

class TokenServiceTest : public ::testing::Test {
 protected:
  TokenServiceTest() {
    // The scheduler knows none of these: whoever would have to wait is refused at once.
    Publish("inbox", 7, absl::Hours(1));
    Publish("outbox", 1, absl::Hours(1));
    Publish("expired", 3, -absl::Seconds(1));
    cache_.Add("tokenless");
  }

  void Publish(const std::string& name, uint64_t generation, absl::Duration left) {
    cache_.Add(name);
    broker::AccessToken token;
    token.credential = name;
    token.value = Secret("FAKE-TOKEN-OF-" + name);
    token.token_type = "Bearer";
    token.generation = generation;
    token.expire_time = clock_.WallNow() + left;
    token.lifetime = absl::Hours(1);
    token.least_age = absl::Seconds(10);
    token.issued = clock_.Now() + left - token.lifetime;
    token.expires = clock_.Now() + left;
    cache_.Publish(std::make_shared<const broker::AccessToken>(std::move(token)));
  }

  // Compares what both answer; how often the answer was a token.
  int ExpectTheSame(const std::vector<std::string>& requests) {
    TokenServiceImpl ours(kListener, parts_);
    TypedTokenService typed(kListener, parts_);
    Served us(ours);
    Served reference(typed);
    int tokens = 0;
    for (size_t i = 0; i < requests.size(); ++i) {
      SCOPED_TRACE(::testing::PrintToString(requests[i]));
      const Reply expected = reference.Call(requests[i], 1);
      ExpectTheSame(us.Call(requests[i], 1 + i % 3), expected);
      tokens += expected.status.ok();
    }
    return tokens;
  }

  static void ExpectTheSame(const Reply& got, const Reply& expected) {
    // gRPC cannot say more of what is no message, and says it wrongly: 1.51 with the one, later
    // ones with the other.
    if (expected.status.error_code() == grpc::UNIMPLEMENTED ||
        expected.status.error_code() == grpc::INTERNAL) {
      EXPECT_EQ(got.status.error_code(), grpc::INVALID_ARGUMENT);
      EXPECT_EQ(ReasonOf(got.status), "INVALID_REQUEST");
      return;
    }
    EXPECT_EQ(got.status.error_code(), expected.status.error_code());
    EXPECT_EQ(got.status.error_message(), expected.status.error_message());
    // As messages: a map's entries come in any order.
    google::rpc::Status our_details;
    google::rpc::Status typed_details;
    ASSERT_TRUE(our_details.ParseFromString(got.status.error_details()));
    ASSERT_TRUE(typed_details.ParseFromString(expected.status.error_details()));
    EXPECT_TRUE(MessageDifferencer::Equals(our_details, typed_details));
    GetAccessTokenResponse ours;
    GetAccessTokenResponse typed;
    ASSERT_TRUE(ours.ParseFromString(got.bytes));
    ASSERT_TRUE(typed.ParseFromString(expected.bytes));
    EXPECT_TRUE(MessageDifferencer::Equals(ours, typed));
    EXPECT_EQ(got.bytes.size(), expected.bytes.size());
  }

  static std::string ReasonOf(const grpc::Status& status) {
    google::rpc::Status details;
    google::rpc::ErrorInfo info;
    EXPECT_TRUE(details.ParseFromString(status.error_details()));
    if (details.details_size() > 0) {
      EXPECT_TRUE(details.details(0).UnpackTo(&info));
    }
    return info.reason();
  }

  inline static const ListenerInfo kListener{.address = "test", .identity = "anonymous"};

  testing::FakeClock clock_;
  testing::MemoryCredentialStore store_{clock_};
  testing::ScriptedTokenEndpoint provider_{clock_};
  testing::FakeTimerQueue timers_{clock_};
  testing::ManualExecutor executor_;
  broker::TokenCache cache_;
  broker::Refresher refresher_{{.holder = "us"}, store_, provider_, clock_};
  broker::RefreshScheduler scheduler_{{}, refresher_, cache_, executor_, timers_, clock_};
  broker::TokenIssuer issuer_{{}, cache_, scheduler_, timers_, clock_};
  broker::TokenWatchers watchers_{{}, cache_, clock_};
  authz::PolicyInForce policy_{authz::AccessPolicy::AllowWithoutTls()};
  std::atomic<bool> draining_ = false;
  telemetry::CallObserver observer_{AllOutcomes(), nullptr};
  const TokenServiceParts parts_{.issuer = issuer_,
                                 .watchers = watchers_,
                                 .cache = cache_,
                                 .policy = policy_,
                                 .clock = clock_,
                                 .draining = draining_,
                                 .observer = observer_};
};

TEST_F(TokenServiceTest, AnswersNotableRequestsAsTheTypedServiceDoes) {
  EXPECT_GT(ExpectTheSame(NotableRequests()), 20);
}

TEST_F(TokenServiceTest, AnswersMutatedRequestsAsTheTypedServiceDoes) {
  std::mt19937 random(2);  // NOLINT: the same cases each time.
  const std::vector<std::string> notable = NotableRequests();
  std::vector<std::string> requests;
  for (int i = 0; i < 2'000; ++i) requests.push_back(Mutated(notable, random));
  EXPECT_GT(ExpectTheSame(requests), 50);
}

TEST_F(TokenServiceTest, JudgesCallersAsTheTypedServiceDoes) {
  // Before what is no message is looked at: see the test after the next.
  std::vector<std::string> messages;
  for (const std::string& bytes : NotableRequests()) {
    if (token::v1::GetAccessTokenRequest().ParseFromString(bytes)) messages.push_back(bytes);
  }
  for (const bool named : {false, true}) {
    std::vector<authz::AccessPolicy::Entry> entries;
    if (named) entries.push_back({.identity = "anonymous", .rights = {.credentials = {"outbox"}}});
    policy_.Replace(*authz::AccessPolicy::Create(std::move(entries)));
    EXPECT_EQ(ExpectTheSame(messages) > 0, named);
  }
}

TEST_F(TokenServiceTest, AnswersToCallsThatCameTogetherLeaveTogether) {
  TokenServiceImpl service(kListener, parts_);
  Served us(service);
  const Reply expected = us.Call("\x0a\x05inbox", 1);
  ASSERT_TRUE(expected.status.ok());
  // gRPC does it once for each end of the connection, HeldSends for each burst. One may slip
  // through.
  const int before = g_pushes;
  while (g_pushes < before + 20) {
    std::vector<std::unique_ptr<Served::Pending>> burst;
    for (int i = 0; i < 50; ++i) burst.push_back(us.Start("\x0a\x05inbox", 1));
    for (const auto& call : burst) EXPECT_EQ(call->Wait().bytes, expected.bytes);
  }
}

TEST_F(TokenServiceTest, RefusesWhileDrainingAsTheTypedServiceDoes) {
  draining_ = true;
  EXPECT_EQ(ExpectTheSame({"", "\x0a\x05inbox"}), 0);
}

TEST_F(TokenServiceTest, ASerialisationErrorIsNotForCallersWhoMayDoNothing) {
  policy_.Replace(*authz::AccessPolicy::Create({}));
  TokenServiceImpl service(kListener, parts_);
  EXPECT_EQ(ReasonOf(Served(service).Call("\x0a", 1).status), "CREDENTIAL_NOT_PERMITTED");
}

}  // namespace
}  // namespace token_service::api
