#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/core/clock.h"
#include "client/core/token_transport.h"

namespace token_service::testing {

// "token-7" of generation 7, good for `expires_in`.
client::TokenAnswer Token(uint64_t generation, absl::Duration expires_in = absl::Hours(1));

// An error as the server sends it.
client::TokenError Refused(grpc::StatusCode code, client::ErrorReason reason);
client::TokenError Unreachable();

// Notes the calls that were started, and answers as the test says. Any thread.
class FakeTransport final : public client::TokenTransport {
 public:
  struct Started {
    client::CallId call = 0;
    bool watch = false;
    uint64_t rejected_generation = 0;
    absl::Duration timeout;
    bool cancelled = false;
  };

  void Attach(client::TransportSink& sink) override;
  void StartWatch(client::CallId call) override;
  void StartGet(client::CallId call, uint64_t rejected_generation, absl::Duration timeout) override;
  void Cancel(client::CallId call) override;
  void Shutdown() override;

  // Blocks until there have been so many.
  std::vector<Started> AwaitStarted(size_t count);
  std::vector<Started> started() const;
  // The last one of its kind; fails the test when there is none.
  Started LastWatch() const { return Last(true); }
  Started LastGet() const { return Last(false); }
  size_t Count(bool watch) const;

  client::TransportSink& sink();
  bool is_shut_down() const;

 private:
  Started Last(bool watch) const;
  void Start(Started started);

  mutable absl::Mutex mutex_;
  std::vector<Started> started_ ABSL_GUARDED_BY(mutex_);
  client::TransportSink* sink_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool shut_down_ ABSL_GUARDED_BY(mutex_) = false;
};

// Lets a test keep the transport that it gives away.
class LentTransport final : public client::TokenTransport {
 public:
  explicit LentTransport(FakeTransport& real) : real_(real) {}
  void Attach(client::TransportSink& sink) override { real_.Attach(sink); }
  void StartWatch(client::CallId call) override { real_.StartWatch(call); }
  void StartGet(client::CallId call, uint64_t rejected, absl::Duration timeout) override {
    real_.StartGet(call, rejected, timeout);
  }
  void Cancel(client::CallId call) override { real_.Cancel(call); }
  void Shutdown() override { real_.Shutdown(); }

 private:
  FakeTransport& real_;
};

class FakeBootClock final : public client::Clock {
 public:
  client::Moment Now() const override {
    absl::MutexLock lock(&mutex_);
    return now_;
  }
  void Advance(absl::Duration by) {
    absl::MutexLock lock(&mutex_);
    now_ += by;
  }

 private:
  mutable absl::Mutex mutex_;
  client::Moment now_ ABSL_GUARDED_BY(mutex_) = absl::Hours(100);
};

}  // namespace token_service::testing
