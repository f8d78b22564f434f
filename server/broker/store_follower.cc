#include "server/broker/store_follower.h"

#include <utility>

#include "server/telemetry/log.h"

namespace token_service::broker {

StoreFollower::StoreFollower(CredentialStore& store, RefreshScheduler& scheduler,
                             const SettingsSource& settings, Executor& executor, TimerQueue& timers,
                             const Clock& clock, absl::Duration interval)
    : store_(store),
      scheduler_(scheduler),
      settings_(settings),
      executor_(executor),
      timers_(timers),
      clock_(clock),
      interval_(interval) {}

void StoreFollower::Start() {
  executor_.Run([this] { Look(); });
}

void StoreFollower::LookAgain() {
  timers_.At(clock_.Now() + interval_, [this] { Start(); });
}

void StoreFollower::Look() {
  absl::StatusOr<StoreChanges> changes = store_.ChangesSince(cursor_);
  const bool failed = !changes.ok();
  if (failed != std::exchange(failed_, failed)) {
    telemetry::Log(failed ? telemetry::Level::kError : telemetry::Level::kInfo,
                   failed ? "what others write in the store cannot be read"
                          : "what others write in the store can be read again",
                   {{"error", std::string(changes.status().message())}});
  }
  if (!failed) {
    for (const CredentialRecord& record : changes->changed) {
      scheduler_.OnStored(settings_.SettingsOf(record), record);
    }
    for (const DeletedCredential& deleted : changes->deleted) scheduler_.OnDeleted(deleted);
    cursor_ = std::move(changes->cursor);
  }
  LookAgain();
}

}  // namespace token_service::broker
