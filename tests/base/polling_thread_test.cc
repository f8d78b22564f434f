#include "server/base/polling_thread.h"

#include <gtest/gtest.h>

#include <atomic>

#include "absl/synchronization/notification.h"

namespace token_service {
namespace {

TEST(PollingThreadTest, LooksAgainAfterTheRestThatItAskedFor) {
  absl::Notification thrice;
  int looks = 0;
  PollingThread thread(absl::ZeroDuration(), [&](bool poked) {
    EXPECT_FALSE(poked);
    if (++looks == 3) thrice.Notify();
    return looks < 3 ? absl::ZeroDuration() : absl::InfiniteDuration();
  });
  thrice.WaitForNotification();
}

TEST(PollingThreadTest, LooksWhenPokedHoweverLongItWouldRest) {
  absl::Notification looked;
  PollingThread thread(absl::InfiniteDuration(), [&](bool poked) {
    EXPECT_TRUE(poked);
    looked.Notify();
    return absl::InfiniteDuration();
  });
  thread.Poke();
  looked.WaitForNotification();
}

TEST(PollingThreadTest, APokeDuringALookIsNotLost) {
  absl::Notification looking;
  absl::Notification poked_meanwhile;
  absl::Notification again;
  int looks = 0;
  PollingThread thread(absl::ZeroDuration(), [&](bool poked) {
    if (++looks == 1) {
      looking.Notify();
      poked_meanwhile.WaitForNotification();
    } else {
      EXPECT_TRUE(poked);
      again.Notify();
    }
    return absl::InfiniteDuration();
  });
  looking.WaitForNotification();
  thread.Poke();
  poked_meanwhile.Notify();
  again.WaitForNotification();
}

TEST(PollingThreadTest, EndsWithALookUnderWayWhichIsTold) {
  absl::Notification looking;
  std::atomic<bool> ended = false;
  {
    PollingThread* self = nullptr;
    absl::Notification known;
    PollingThread thread(absl::ZeroDuration(), [&](bool) {
      known.WaitForNotification();
      looking.Notify();
      while (!self->Stopping()) {
      }
      ended = true;
      return absl::ZeroDuration();
    });
    self = &thread;
    known.Notify();
    looking.WaitForNotification();
  }
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace token_service
