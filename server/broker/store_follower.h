#pragma once

#include <string>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/executor.h"
#include "server/base/timer_queue.h"
#include "server/broker/credential_store.h"
#include "server/broker/refresh_scheduler.h"
#include "server/broker/settings_source.h"

namespace token_service::broker {

// Brings to the scheduler what other processes write in the store that they share with this one.
// Looks again and again, once at a time, on the executor that CredentialRegistry works on: between
// a look and what is made of it nothing is changed by this process. Outlives what the executor and
// the timers run.
class StoreFollower {
 public:
  // Looks once each `interval`.
  StoreFollower(CredentialStore& store, RefreshScheduler& scheduler, const SettingsSource& settings,
                Executor& executor, TimerQueue& timers, const Clock& clock,
                absl::Duration interval);

  // Begins: all that is there is taken in first.
  void Start();

 private:
  void Look();
  void LookAgain();

  CredentialStore& store_;
  RefreshScheduler& scheduler_;
  const SettingsSource& settings_;
  Executor& executor_;
  TimerQueue& timers_;
  const Clock& clock_;
  const absl::Duration interval_;
  std::string cursor_;   // The executor's.
  bool failed_ = false;  // Likewise: the last look.
};

}  // namespace token_service::broker
