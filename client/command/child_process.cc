#include "client/command/child_process.h"

#include <errno.h>
#include <spawn.h>
#include <unistd.h>

#include <string_view>

#include "absl/strings/str_cat.h"

namespace token_service::client {

int TokenSignal() { return SIGRTMIN; }

HeldSignals::HeldSignals() {
  sigemptyset(&held_);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGCHLD}) {
    sigaddset(&held_, number);
  }
  sigaddset(&held_, TokenSignal());
  pthread_sigmask(SIG_BLOCK, &held_, &before_);
}

HeldSignals::~HeldSignals() {
  // What came too late is for nobody.
  const timespec now{};
  while (sigtimedwait(&held_, nullptr, &now) > 0) {
  }
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

siginfo_t HeldSignals::Next() const {
  siginfo_t info{};
  while (sigwaitinfo(&held_, &info) < 0) {
  }
  return info;
}

std::variant<pid_t, NotStarted> StartChild(const ChildOptions& options) {
  std::vector<std::string> settings;
  for (const auto& [name, value] : options.environment) {
    settings.push_back(absl::StrCat(name, "=", value));
  }
  std::vector<char*> environment;
  for (std::string& setting : settings) environment.push_back(setting.data());
  for (char** inherited = environ; *inherited != nullptr; ++inherited) {
    const std::string_view entry(*inherited);
    bool replaced = false;
    for (const auto& [name, value] : options.environment) {
      replaced = replaced || entry.starts_with(name + "=");
    }
    if (!replaced) environment.push_back(*inherited);
  }
  environment.push_back(nullptr);
  std::vector<char*> arguments;
  for (const std::string& argument : options.command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  // Of a descriptor onto itself too: it is not closed on exec then.
  if (options.fd >= 0) posix_spawn_file_actions_adddup2(&files, options.fd, options.as);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigmask(&attributes, &options.signal_mask);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t child = 0;
  const int error =
      posix_spawnp(&child, arguments[0], &files, &attributes, arguments.data(), environment.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) return NotStarted{error};
  return child;
}

}  // namespace token_service::client
