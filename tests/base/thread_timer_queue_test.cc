#include "server/base/thread_timer_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "absl/synchronization/notification.h"

namespace token_service {
namespace {

using ::testing::ElementsAre;

MonotonicTime In(absl::Duration delay) { return SystemClock().Now() + delay; }

// Stops the queue's thread until released, so that a test decides what is pending.
class Gate {
 public:
  explicit Gate(TimerQueue& queue) {
    queue.At(MonotonicTime(), [this] {
      entered_.Notify();
      opened_.WaitForNotification();
    });
    entered_.WaitForNotification();
  }
  void Open() { opened_.Notify(); }

 private:
  absl::Notification entered_;
  absl::Notification opened_;
};

TEST(ThreadTimerQueueTest, RunsInOrderOfTimeThenOfArrival) {
  std::vector<int> order;
  absl::Notification done;
  ThreadTimerQueue queue;
  Gate gate(queue);
  const MonotonicTime base = SystemClock().Now();
  queue.At(base + absl::Milliseconds(2), [&] { order.push_back(3); });
  queue.At(base, [&] { order.push_back(1); });
  queue.At(base, [&] { order.push_back(2); });
  queue.At(base + absl::Milliseconds(3), [&] { done.Notify(); });
  gate.Open();
  done.WaitForNotification();
  EXPECT_THAT(order, ElementsAre(1, 2, 3));
}

TEST(ThreadTimerQueueTest, NeverRunsEarly) {
  absl::Notification done;
  MonotonicTime ran;
  const MonotonicTime due = In(absl::Milliseconds(20));
  ThreadTimerQueue queue;
  queue.At(due, [&] {
    ran = SystemClock().Now();
    done.Notify();
  });
  done.WaitForNotification();
  EXPECT_GE(ran, due);
}

TEST(ThreadTimerQueueTest, AnEarlierTimerOvertakesTheOneWaitedFor) {
  absl::Notification done;
  ThreadTimerQueue queue;
  queue.At(In(absl::Hours(1)), [] { FAIL() << "an hour early"; });
  queue.At(In(absl::Milliseconds(1)), [&] { done.Notify(); });
  done.WaitForNotification();
}

TEST(ThreadTimerQueueTest, CancelledTimersNeverRun) {
  absl::Notification done;
  ThreadTimerQueue queue;
  Gate gate(queue);
  const auto id = queue.At(MonotonicTime(), [] { FAIL() << "was cancelled"; });
  queue.At(MonotonicTime(), [&] { done.Notify(); });
  EXPECT_TRUE(queue.Cancel(id));
  EXPECT_FALSE(queue.Cancel(id));
  gate.Open();
  done.WaitForNotification();
}

TEST(ThreadTimerQueueTest, CancelOfOneThatRanOrNeverWasIsFalse) {
  absl::Notification done;
  ThreadTimerQueue queue;
  const auto id = queue.At(MonotonicTime(), [&] { done.Notify(); });
  done.WaitForNotification();
  EXPECT_FALSE(queue.Cancel(id));
  EXPECT_FALSE(queue.Cancel(id + 1000));
}

TEST(ThreadTimerQueueTest, CallbacksMayCallTheQueue) {
  absl::Notification done;
  ThreadTimerQueue queue;
  const auto cancelled = queue.At(In(absl::Hours(1)), [] {});
  queue.At(MonotonicTime(), [&] {
    EXPECT_TRUE(queue.Cancel(cancelled));
    queue.At(MonotonicTime(), [&] { done.Notify(); });
  });
  done.WaitForNotification();
}

TEST(ThreadTimerQueueTest, DestructionDropsWhatIsPending) {
  const auto alive = std::make_shared<int>(0);
  {
    ThreadTimerQueue queue;
    queue.At(In(absl::Hours(1)), [alive] { FAIL() << "an hour early"; });
    queue.At(MonotonicTime::Never(), [alive] { FAIL() << "never is never"; });
    EXPECT_EQ(alive.use_count(), 3);
  }
  EXPECT_EQ(alive.use_count(), 1);
}

TEST(ThreadTimerQueueTest, DestructionWaitsForTheRunningCallback) {
  absl::Notification entered;
  bool finished = false;
  {
    ThreadTimerQueue queue;
    queue.At(MonotonicTime(), [&] {
      entered.Notify();
      absl::SleepFor(absl::Milliseconds(20));  // Room for a destructor that does not wait.
      finished = true;
    });
    entered.WaitForNotification();
  }
  EXPECT_TRUE(finished);
}

TEST(ThreadTimerQueueTest, StopDropsWhatIsPendingAndWhatComesAfter) {
  const auto alive = std::make_shared<int>(0);
  ThreadTimerQueue queue;
  queue.At(In(absl::Hours(1)), [alive] { FAIL() << "an hour early"; });
  queue.Stop();
  EXPECT_EQ(alive.use_count(), 1);
  const auto id = queue.At(MonotonicTime(), [alive] { FAIL() << "was stopped"; });
  EXPECT_EQ(alive.use_count(), 1);
  EXPECT_FALSE(queue.Cancel(id));
  queue.Stop();
}

}  // namespace
}  // namespace token_service
