#pragma once

#include <optional>
#include <random>
#include <vector>

#include "absl/random/random.h"
#include "client/core/token_keeper.h"
#include "gtest/gtest.h"
#include "tests/client/core/fake_transport.h"

namespace token_service::testing {

// A keeper in a world where time passes by hand and the server says what the test says.
class KeeperTest : public ::testing::Test {
 protected:
  // Time passes, and whatever falls due on the way is done.
  void Pass(absl::Duration by) {
    const client::Moment end = now_ + by;
    while (true) {
      const client::Moment wake = keeper_.Proceed(now_);
      if (wake > end) break;
      // Due at once means that something is never done.
      ASSERT_GT(wake, now_);
      now_ = wake;
    }
    now_ = end;
    keeper_.Proceed(now_);
  }

  void WatchBrings(client::TokenAnswer answer) {
    keeper_.OnToken(transport_.LastWatch().call, std::move(answer), now_);
    Pass(absl::ZeroDuration());
  }
  void WatchEnds(client::TokenError error) {
    keeper_.OnEnd(transport_.LastWatch().call, std::move(error), now_);
    Pass(absl::ZeroDuration());
  }
  void GetBrings(client::TokenAnswer answer) {
    keeper_.OnToken(transport_.LastGet().call, std::move(answer), now_);
    Pass(absl::ZeroDuration());
  }
  void GetEnds(client::TokenError error) {
    keeper_.OnEnd(transport_.LastGet().call, std::move(error), now_);
    Pass(absl::ZeroDuration());
  }

  size_t watches() const { return transport_.Count(true); }
  size_t gets() const { return transport_.Count(false); }

  // 0: there is an error instead.
  uint64_t served() const {
    return published_.empty() || published_.back().token == nullptr
               ? 0
               : published_.back().token->generation();
  }
  client::TokenError error() const { return published_.back().error; }

  // A waiter's outcome: absent, nullopt (a token), an error.
  struct Waiting {
    std::optional<std::optional<client::TokenError>> outcome;
  };
  std::shared_ptr<Waiting> Wait(absl::Duration timeout, uint64_t rejected = 0) {
    auto waiting = std::make_shared<Waiting>();
    keeper_.Wait({.rejected_generation = rejected,
                  .deadline = now_ + timeout,
                  .done = [waiting](std::optional<client::TokenError> outcome) {
                    ASSERT_FALSE(waiting->outcome.has_value());
                    waiting->outcome = std::move(outcome);
                  }});
    Pass(absl::ZeroDuration());
    return waiting;
  }

  client::Moment now_ = absl::Hours(100);
  std::mt19937_64 random_{42};
  FakeTransport transport_;
  std::vector<client::Snapshot> published_;
  int news_ = 0;
  client::KeeperPolicy policy_;
  client::TokenKeeper keeper_{transport_, random_,
                              [this](client::Snapshot snapshot, bool news) {
                                published_.push_back(std::move(snapshot));
                                news_ += news ? 1 : 0;
                              },
                              policy_};
};

}  // namespace token_service::testing
