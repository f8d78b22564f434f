#include "tests/client/core/fake_transport.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace token_service::testing {

using client::AccessToken;
using client::CallId;

client::TokenAnswer Token(uint64_t generation, absl::Duration expires_in) {
  return {.token = AccessToken::Create(absl::StrCat("token-", generation),
                                       {.token_type = "Bearer",
                                        .credential = "inbox",
                                        .scope = "",
                                        .generation = generation,
                                        .expire_time = absl::UnixEpoch()}),
          .expires_in = expires_in};
}

client::TokenError Refused(grpc::StatusCode code, client::ErrorReason reason) {
  return {.code = code, .reason = reason, .reason_name = "SOME", .message = "the server says so"};
}

client::TokenError Unreachable() {
  return {.code = grpc::StatusCode::UNAVAILABLE, .message = "connection refused"};
}

void FakeTransport::Attach(client::TransportSink& sink) {
  absl::MutexLock lock(&mutex_);
  sink_ = &sink;
}

void FakeTransport::StartWatch(CallId call) { Start({.call = call, .watch = true}); }

void FakeTransport::StartGet(CallId call, uint64_t rejected_generation, absl::Duration timeout) {
  Start({.call = call, .rejected_generation = rejected_generation, .timeout = timeout});
}

void FakeTransport::Start(Started started) {
  absl::MutexLock lock(&mutex_);
  EXPECT_FALSE(shut_down_);
  started_.push_back(std::move(started));
}

void FakeTransport::Cancel(CallId call) {
  absl::MutexLock lock(&mutex_);
  for (Started& each : started_) {
    if (each.call == call) each.cancelled = true;
  }
}

void FakeTransport::Shutdown() {
  absl::MutexLock lock(&mutex_);
  shut_down_ = true;
}

std::vector<FakeTransport::Started> FakeTransport::AwaitStarted(size_t count) {
  const auto enough = [this, count]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return started_.size() >= count;
  };
  absl::MutexLock lock(&mutex_, absl::Condition(&enough));
  return started_;
}

std::vector<FakeTransport::Started> FakeTransport::started() const {
  absl::MutexLock lock(&mutex_);
  return started_;
}

size_t FakeTransport::Count(bool watch) const {
  size_t count = 0;
  for (const Started& each : started()) count += each.watch == watch ? 1 : 0;
  return count;
}

FakeTransport::Started FakeTransport::Last(bool watch) const {
  const auto all = started();
  for (auto each = all.rbegin(); each != all.rend(); ++each) {
    if (each->watch == watch) return *each;
  }
  ADD_FAILURE() << "no such call was made";
  return {};
}

client::TransportSink& FakeTransport::sink() {
  const auto attached = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return sink_ != nullptr; };
  absl::MutexLock lock(&mutex_, absl::Condition(&attached));
  return *sink_;
}

bool FakeTransport::is_shut_down() const {
  absl::MutexLock lock(&mutex_);
  return shut_down_;
}

}  // namespace token_service::testing
