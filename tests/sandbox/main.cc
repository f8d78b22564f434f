#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "tests/sandbox/flags.h"
#include "tests/sandbox/sandbox_server.h"

namespace token_service::sandbox {
namespace {

// Whole or not at all: somebody may be watching the file.
bool WriteTokenFile(const std::string& path, const std::string& token) {
  const std::string temporary = path + ".new";
  ::unlink(temporary.c_str());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  const std::string line = token + "\n";
  bool written = ::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  written = ::close(fd) == 0 && written;
  return written && ::rename(temporary.c_str(), path.c_str()) == 0;
}

int Run(int argc, char** argv) {
  const CommandLine line = ParseFlags(argc, argv);
  // Blocked before the first thread, so that none of them gets one.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGHUP);
  ::signal(SIGPIPE, SIG_IGN);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  absl::StatusOr<std::unique_ptr<SandboxServer>> server = SandboxServer::Create(line.options);
  if (absl::IsInvalidArgument(server.status())) DieOfUsage(std::string(server.status().message()));
  if (!server.ok()) {
    std::fprintf(stderr, "ticket-api-sandbox: %s\n",
                 std::string(server.status().message()).c_str());
    return 1;
  }
  const std::string refresh_token = (*server)->authority().Mint(line.credential_name);
  if (!line.refresh_token_file.empty() && !WriteTokenFile(line.refresh_token_file, refresh_token)) {
    std::fprintf(stderr, "ticket-api-sandbox: cannot write --refresh_token_file: %m\n");
    return 1;
  }
  // For scripts: a fact a line, and everything is ready when the first is there.
  std::printf("listening on %s\n", (*server)->url().c_str());
  std::printf("client_id %s\n", line.options.tokens.client_id.c_str());
  if (line.refresh_token_file.empty()) {
    std::printf("refresh_token %s\n", refresh_token.c_str());  // Opens nothing but this sandbox.
  } else {
    std::printf("refresh_token_file %s\n", line.refresh_token_file.c_str());
  }
  std::fflush(stdout);
  siginfo_t why{};
  while (sigwaitinfo(&signals, &why) < 0) {
  }
  // Whoever finds it gone wants to know that nothing broke.
  std::fprintf(stderr, "ticket-api-sandbox: ended by SIG%s of process %d\n",
               sigabbrev_np(why.si_signo), static_cast<int>(why.si_pid));
  return 0;
}

}  // namespace
}  // namespace token_service::sandbox

int main(int argc, char** argv) { return token_service::sandbox::Run(argc, argv); }
