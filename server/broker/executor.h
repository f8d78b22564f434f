#pragma once

#include "absl/functional/any_invocable.h"

namespace token_service::broker {

// Runs tasks that may block, several at once, each once. Any thread may call.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual void Run(absl::AnyInvocable<void()> task) = 0;
};

}  // namespace token_service::broker
