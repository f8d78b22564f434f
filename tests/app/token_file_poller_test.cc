#include "server/app/token_file_poller.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "tests/app/scratch_dir.h"

namespace token_service::app {
namespace {

// Takes what a poller brings, or not.
class Taker {
 public:
  explicit Taker(bool takes) : takes_(takes) {}

  bool OnToken(const std::string& credential, const Secret& token) {
    absl::MutexLock lock(&mutex_);
    brought_.push_back(credential + "=" + std::string(token.Reveal()));
    return takes_;
  }
  void SetTakes(bool takes) {
    absl::MutexLock lock(&mutex_);
    takes_ = takes;
  }
  // Once there are so many.
  std::vector<std::string> Await(size_t count) {
    absl::MutexLock lock(&mutex_);
    const auto enough = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return brought_.size() >= count;
    };
    mutex_.Await(absl::Condition(&enough));
    return brought_;
  }
  void AwaitLast(const std::string& what) {
    absl::MutexLock lock(&mutex_);
    const auto is_last = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return !brought_.empty() && brought_.back() == what;
    };
    mutex_.Await(absl::Condition(&is_last));
  }

 private:
  absl::Mutex mutex_;
  bool takes_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> brought_ ABSL_GUARDED_BY(mutex_);
};

class TokenFilePollerTest : public ::testing::Test {
 protected:
  TokenFilePoller::OnToken Bring() {
    return [this](const std::string& credential, const Secret& token) {
      return taker_.OnToken(credential, token);
    };
  }

  ScratchDir dir_;
  Taker taker_{true};
};

TEST_F(TokenFilePollerTest, APokeMakesAChangeKnown) {
  const std::string path = dir_.Write("t", "one");
  TokenFilePoller poller({{"inbox", path}}, Bring());
  EXPECT_EQ(taker_.Await(1), std::vector<std::string>{"inbox=one"});
  dir_.Write("t", "two");
  poller.Poke();
  EXPECT_EQ(taker_.Await(2)[1], "inbox=two");
}

TEST_F(TokenFilePollerTest, WhatCouldNotBeTakenIsBroughtAtEachLookUntilItIs) {
  taker_.SetTakes(false);
  TokenFilePoller poller({{"inbox", dir_.Write("t", "one")}}, Bring());
  taker_.Await(1);
  poller.Poke();
  EXPECT_EQ(taker_.Await(3)[2], "inbox=one");
  taker_.SetTakes(true);
  dir_.Write("t", "two");
  poller.Poke();
  taker_.AwaitLast("inbox=two");
}

}  // namespace
}  // namespace token_service::app
