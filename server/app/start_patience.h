#pragma once

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "server/base/clock.h"

namespace token_service::app {

// Asks whoever waits for the start to wait on, for as long as it gets on: a start that has many
// credentials to load takes its time, and one that hangs is not to be waited for. One thread.
class StartPatience {
 public:
  // A start that takes less needs no patience.
  static constexpr absl::Duration kInterval = absl::Seconds(5);
  static constexpr absl::Duration kMore = absl::Seconds(60);

  // `ask` for so much time from now; it must not block.
  StartPatience(absl::AnyInvocable<void(absl::Duration)> ask, const Clock& clock);

  // Something was done. Cheap.
  void Progress();

 private:
  absl::AnyInvocable<void(absl::Duration)> ask_;
  const Clock& clock_;
  MonotonicTime next_;
};

}  // namespace token_service::app
