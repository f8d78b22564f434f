// token-server: see docs/architecture.md for what it is made of.

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "server/app/library_logs.h"
#include "server/app/rekey_command.h"
#include "server/app/service_notifier.h"
#include "server/app/start_patience.h"
#include "server/app/store_commands.h"
#include "server/app/token_server.h"
#include "server/app/watchdog.h"
#include "server/base/clock.h"
#include "server/config/builtin_provider.h"
#include "server/config/command_line.h"
#include "server/config/config.h"
#include "server/config/flags.h"
#include "server/telemetry/log.h"
#include "server/tls/openssl_memory.h"

namespace token_service::app {
namespace {

// What is done to a store besides serving from it.
int RunStoreCommand(const CommandLine& line, const store::StoreOptions& options) {
  switch (line.command) {
    case Command::kInit:
      return RunInit(options);
    case Command::kBackup:
      return RunBackup(options, line.file);
    case Command::kRestore:
      return RunRestore(options, line.file,
                        line.force ? store::Overwrite::kYes : store::Overwrite::kNo);
    default:
      return RunRekey(options);
  }
}

constexpr int kRuntimeError = 1;
constexpr int kUsageError = 2;

int Fail(const absl::Status& status, int code) {
  std::fprintf(stderr, "token-server: %s\n", std::string(status.message()).c_str());
  return code;
}

int PrintProviders(const std::string& name) {
  const std::string document = BuiltinProvidersDocument(name);
  if (document.empty()) {
    std::string what = "no built-in provider has this name";
    if (const std::string meant = NearestProvider({}, name); !meant.empty()) {
      what += "; did you mean " + meant + "?";
    }
    return Fail(absl::InvalidArgumentError(what), kUsageError);
  }
  std::fputs(document.c_str(), stdout);
  return 0;
}

// Tokens are in this process's memory: no core file, no debugger of the same user.
void KeepMemoryPrivate() {
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0);
  umask(0077);
}

// What was found at the very beginning, before anything could be logged.
struct Surroundings {
  absl::Status openssl;  // Whether it wipes what it frees.
  bool key_log_asked = false;
};

// libcurl would write the keys of its TLS connections there, and with them what it sends. True: it
// was asked to. Before any library is set up.
bool ForbidKeyLog() {
  const bool asked = std::getenv("SSLKEYLOGFILE") != nullptr;
  unsetenv("SSLKEYLOGFILE");
  return asked;
}

// To be taken by sigwait in this thread; every thread started later inherits the mask.
sigset_t BlockSignals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

// The next of `signals`, or 0 when there was none for so long.
int NextSignal(const sigset_t& signals, absl::Duration wait) {
  if (wait == absl::InfiniteDuration()) {
    int signal = 0;
    return sigwait(&signals, &signal) == 0 ? signal : 0;
  }
  const timespec timeout = absl::ToTimespec(wait);
  return std::max(sigtimedwait(&signals, nullptr, &timeout), 0);
}

// Reloads at each SIGHUP, until it is told to end. Those that come during a reload are one.
void ServeUntilSignal(const sigset_t& signals, const CommandLine& line, TokenServer& server,
                      Watchdog& watchdog, const ServiceNotifier& notifier) {
  for (;;) {
    const int signal = NextSignal(signals, watchdog.interval());
    watchdog.MainThreadIsHere();
    if (signal == 0) continue;
    if (signal != SIGHUP) return;
    notifier.Reloading();
    server.Reload(ConfigFromCommandLine(line), [&watchdog] { watchdog.MainThreadIsHere(); });
    notifier.Ready();
  }
}

int Serve(const CommandLine& line, ServerConfig config, const ServiceNotifier& notifier,
          const sigset_t& signals, const Surroundings& surroundings) {
  // Beyond the drain itself, for what comes before and after it.
  const absl::Duration stop_time = config.limits.drain_timeout + absl::Seconds(30);
  telemetry::ConfigureLog(config.log.level, config.log.format);
  if (!surroundings.openssl.ok()) {
    telemetry::Log(telemetry::Level::kWarning, std::string(surroundings.openssl.message()));
  }
  if (surroundings.key_log_asked) {
    telemetry::Log(telemetry::Level::kWarning,
                   "SSLKEYLOGFILE is ignored: it would give away what is said to the provider");
  }
  for (const std::string& warning : config.warnings) {
    telemetry::Log(telemetry::Level::kWarning, warning);
  }
  Watchdog watchdog(
      notifier.watchdog_timeout(), [&notifier] { notifier.Alive(); }, SystemClock());
  StartPatience patience([&notifier](absl::Duration more) { notifier.Starting(more); },
                         SystemClock());
  absl::StatusOr<std::unique_ptr<TokenServer>> server =
      TokenServer::Start(std::move(config), [&patience] { patience.Progress(); });
  if (!server.ok()) {
    // What led to it comes before it.
    telemetry::FlushLog();
    return Fail(server.status(),
                absl::IsInvalidArgument(server.status()) ? kUsageError : kRuntimeError);
  }
  if (watchdog.interval() != absl::InfiniteDuration()) {
    (*server)->KeepBeating(watchdog.interval(), [&watchdog] { watchdog.TimerThreadIsHere(); });
  }
  notifier.Ready();
  ServeUntilSignal(signals, line, **server, watchdog, notifier);
  watchdog.MainThreadIsDraining();
  notifier.Stopping(stop_time);
  return (*server)->Drain() ? 0 : kRuntimeError;
}

int Main(const std::vector<std::string>& arguments, const Surroundings& surroundings) {
  const absl::StatusOr<ServiceNotifier> notifier = ServiceNotifier::FromEnvironment();
  if (!notifier.ok()) return Fail(notifier.status(), kUsageError);
  const absl::StatusOr<CommandLine> line = ParseFlags(arguments);
  if (!line.ok()) return Fail(line.status(), kUsageError);
  if (line->command == Command::kHelp) {
    std::fputs(std::string(UsageText()).c_str(), stdout);
    return 0;
  }
  if (line->command == Command::kVersion) {
    std::puts("token-server " TOKEN_SERVICE_VERSION);
    return 0;
  }
  if (line->command == Command::kProviders) return PrintProviders(line->file);
  // Before the first look at the configuration: who changes it while we start says so by SIGHUP.
  sigset_t signals;
  sigemptyset(&signals);
  if (line->command == Command::kServe) signals = BlockSignals();
  absl::StatusOr<ServerConfig> config = ConfigFromCommandLine(*line);
  if (!config.ok()) return Fail(config.status(), kUsageError);
  if (line->command != Command::kServe && line->command != Command::kCheckConfig) {
    telemetry::ConfigureLog(config->log.level, config->log.format);
    return RunStoreCommand(*line,
                           {.data_dir = config->data_dir, .key_file = config->sealing_key_file});
  }
  if (line->command == Command::kCheckConfig) {
    const absl::Status checked = CheckConfigFiles(*config);
    return checked.ok() ? 0 : Fail(checked, kUsageError);
  }
  return Serve(*line, *std::move(config), *notifier, signals, surroundings);
}

}  // namespace
}  // namespace token_service::app

int main(int argc, char** argv) {
#ifdef NDEBUG
  // Debian compiles the detection in; it takes a global lock at every Lock.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
#endif
  const token_service::app::Surroundings surroundings = {
      .openssl = token_service::tls::WipeOpenSslMemory(),
      .key_log_asked = token_service::app::ForbidKeyLog()};
  token_service::app::KeepMemoryPrivate();
  token_service::app::TakeOverLibraryLogs();
  return token_service::app::Main({argv + 1, argv + argc}, surroundings);
}
