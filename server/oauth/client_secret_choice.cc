#include "server/oauth/client_secret_choice.h"

#include "server/telemetry/log.h"

namespace token_service::oauth {
namespace {

using telemetry::Level;
using telemetry::Log;

// By its place in the list, from 1; never by a byte of it.
void LogSecret(Level level, std::string_view event, std::string_view credential, size_t index,
               size_t count) {
  Log(level, event,
      {{"credential", credential},
       {"secret", static_cast<uint64_t>(index + 1)},
       {"of", static_cast<uint64_t>(count)}});
}

}  // namespace

ClientSecretChoice::Choice* ClientSecretChoice::ChoiceOf(
    const broker::CredentialSettings& settings) {
  if (settings.client_secrets.size() < 2) {
    choices_.erase(settings.name);
    return nullptr;
  }
  Choice& choice = choices_[settings.name];
  if (choice.secrets != settings.client_secrets) {
    choice = Choice();
    for (const Secret& secret : settings.client_secrets) choice.secrets.push_back(secret.Copy());
  }
  return &choice;
}

Secret ClientSecretChoice::Current(const broker::CredentialSettings& settings) {
  absl::MutexLock lock(&mutex_);
  if (settings.client_secrets.empty()) return Secret();
  const Choice* const choice = ChoiceOf(settings);
  return settings.client_secrets[choice == nullptr ? 0 : choice->current].Copy();
}

bool ClientSecretChoice::Refused(const broker::CredentialSettings& settings) {
  size_t refused = 0;
  size_t count = 0;
  bool another = false;
  {
    absl::MutexLock lock(&mutex_);
    Choice* const choice = ChoiceOf(settings);
    if (choice == nullptr) return false;
    count = choice->secrets.size();
    refused = choice->current;
    another = ++choice->refused < count;
    choice->current = another ? (choice->current + 1) % count : 0;
    if (!another) choice->refused = 0;
    choice->told = false;
  }
  LogSecret(Level::kWarning, "client secret refused", settings.name, refused, count);
  return another;
}

void ClientSecretChoice::Taken(const broker::CredentialSettings& settings) {
  size_t taken = 0;
  size_t count = 0;
  {
    absl::MutexLock lock(&mutex_);
    Choice* const choice = ChoiceOf(settings);
    if (choice == nullptr) return;
    choice->refused = 0;
    if (choice->told) return;
    choice->told = true;
    taken = choice->current;
    count = choice->secrets.size();
  }
  LogSecret(Level::kInfo, "client secret taken", settings.name, taken, count);
}

}  // namespace token_service::oauth
