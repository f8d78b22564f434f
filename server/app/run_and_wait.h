#pragma once

#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/synchronization/notification.h"
#include "server/base/executor.h"

namespace token_service::app {

// Blocks until `task` has run there.
inline void RunAndWait(Executor& executor, absl::AnyInvocable<void()> task) {
  absl::Notification done;
  executor.Run([&] {
    task();
    done.Notify();
  });
  done.WaitForNotification();
}

}  // namespace token_service::app
