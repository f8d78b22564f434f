#pragma once

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "server/base/secret.h"
#include "server/broker/credential.h"

namespace token_service::oauth {

// Which of several client secrets to present while one is being replaced: the one that the provider
// took last, at first the first. In memory only: a restart costs a refusal. Any thread.
class ClientSecretChoice {
 public:
  // The credential's secret to present now; with a list that was changed, its first. Empty: it has
  // none.
  Secret Current(const broker::CredentialSettings& settings);

  // The provider refused it. True: the next of the list is in its place, and has not been refused
  // since one was taken. False: all have been, and the first is up again.
  bool Refused(const broker::CredentialSettings& settings);

  // The provider took it.
  void Taken(const broker::CredentialSettings& settings);

 private:
  struct Choice {
    std::vector<Secret> secrets;  // The list it is about.
    size_t current = 0;
    size_t refused = 0;  // In a row.
    bool told = false;   // Which one was taken is in the log.
  };
  // Null: nothing to choose between.
  Choice* ChoiceOf(const broker::CredentialSettings& settings)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Choice> choices_ ABSL_GUARDED_BY(mutex_);  // By credential.
};

}  // namespace token_service::oauth
