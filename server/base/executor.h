#pragma once

#include <utility>

#include "absl/functional/any_invocable.h"

namespace token_service {

// Runs tasks that may block, several at once, each once. Any thread may call.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual void Run(absl::AnyInvocable<void()> task) = 0;

  // For what must not be lost: before those that wait, and even when the executor is told to stop
  // before its turn comes.
  virtual void RunFirst(absl::AnyInvocable<void()> task) { Run(std::move(task)); }
};

}  // namespace token_service
