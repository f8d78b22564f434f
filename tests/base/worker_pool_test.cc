#include "server/base/worker_pool.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "absl/synchronization/barrier.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"

namespace token_service::testing {
namespace {

TEST(WorkerPoolTest, RunsEveryTaskOnce) {
  std::atomic<int> runs = 0;
  absl::BlockingCounter left(1000);
  WorkerPool pool(4);
  for (int i = 0; i < 1000; ++i) {
    pool.Run([&] {
      ++runs;
      left.DecrementCount();
    });
  }
  left.Wait();
  EXPECT_EQ(runs, 1000);
}

int Niceness() { return getpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid))); }

TEST(WorkerPoolTest, ItsThreadsAreNicerByWhatIsAsked) {
  for (const int nicer : {0, 3, 100}) {
    const int expected = std::min(Niceness() + nicer, 19);
    int got = -1;
    absl::Notification done;
    WorkerPool pool(1, nicer);
    pool.Run([&] {
      got = Niceness();
      done.Notify();
    });
    done.WaitForNotification();
    EXPECT_EQ(got, expected);
  }
}

TEST(WorkerPoolTest, RunsAsManyAtOnceAsItHasThreads) {
  // Nobody passes the barrier before all four are there.
  auto* const barrier = new absl::Barrier(4);
  absl::BlockingCounter left(4);
  WorkerPool pool(4);
  for (int i = 0; i < 4; ++i) {
    pool.Run([&] {
      if (barrier->Block()) delete barrier;
      left.DecrementCount();
    });
  }
  left.Wait();
}

TEST(WorkerPoolTest, ATaskMayAddTasks) {
  absl::Notification done;
  WorkerPool pool(1);
  pool.Run([&] { pool.Run([&] { done.Notify(); }); });
  done.WaitForNotification();
}

TEST(WorkerPoolTest, StopFinishesTheRunningTaskAndDropsTheWaitingOnes) {
  absl::Notification started;
  absl::Notification go_on;
  std::atomic<bool> finished = false;
  std::atomic<bool> second = false;
  WorkerPool pool(1);
  pool.Run([&] {
    started.Notify();
    go_on.WaitForNotification();
    finished = true;
  });
  started.WaitForNotification();
  pool.Run([&] { second = true; });
  std::thread stopper([&] { pool.Stop(); });
  go_on.Notify();
  stopper.join();
  EXPECT_TRUE(finished);
  // It may have been taken before Stop was heard; never afterwards.
  const bool before = second;
  pool.Run([&] { second = true; });
  EXPECT_EQ(second, before);
}

TEST(WorkerPoolTest, WhatMustNotBeLostRunsFirstAndThoughThePoolIsStopped) {
  absl::Notification started;
  absl::Notification go_on;
  std::vector<int> ran;
  WorkerPool pool(1);
  pool.Run([&] {
    started.Notify();
    go_on.WaitForNotification();
  });
  started.WaitForNotification();
  pool.Run([&] { ran.push_back(3); });
  pool.RunFirst([&] { ran.push_back(1); });
  pool.RunFirst([&] { ran.push_back(2); });
  std::thread stopper([&] { pool.Stop(); });
  go_on.Notify();
  stopper.join();
  ASSERT_GE(ran.size(), 2u);
  EXPECT_EQ(ran[0], 1);
  EXPECT_EQ(ran[1], 2);
}

TEST(WorkerPoolTest, ATaskDroppedAfterStopIsDestroyed) {
  auto held = std::make_shared<int>(0);
  WorkerPool pool(1);
  pool.Stop();
  pool.Run([held] {});
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace token_service::testing
