#include "client/command/exec_command.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>
#include <utility>

#include "CLI/Validators.hpp"
#include "client/command/exit_code.h"
#include "client/command/token_format_flag.h"

namespace token_service::client {
namespace {

constexpr int kDefaultFd = 3;

constexpr char kFooter[] = R"text(
Without --token_file, --token_env or --token_fd the token is in descriptor 3. TOKEN_FD and TOKEN_FILE tell the
child where it is.

  --token_fd    a sealed file in memory that only the child and what it starts can read. As the child starts.
  --token_env   readable in /proc/PID/environ by whoever runs under the same user, inherited by every process
                started from there, and printed by many a crash report. As the child starts.
  --token_file  mode 0600, replaced as a whole whenever there is a new token, removed in the end. For a child that
                lives longer than a token. Choose a directory in memory (tmpfs). A file that is there already is
                refused, unless FILE.token-client beside it says that a token-client which was killed has left it.

Exit status: the child's, 128 + N when signal N killed it, 127 when there is no such program, 126 when it cannot
be run; 1 without a token, 2 for wrong usage.)text";

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

// Negative: errno says why.
int SealedFile(std::string_view text) {
  const int fd = memfd_create("token", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return -1;
  if (write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      lseek(fd, 0, SEEK_SET) != 0 ||
      fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

// A variable of a script's that is not set must not come to mean another place for the token.
CLI::Validator NotEmpty() {
  return {[](const std::string& text) { return text.empty() ? "is empty" : ""; }, ""};
}

}  // namespace

CLI::App* ExecCommand::AddTo(CLI::App& app) {
  CLI::App* exec = app.add_subcommand("exec", "Run a program with an access token at hand");
  exec->footer(kFooter);
  AddTokenFormatFlag(*exec, format_);
  exec->add_option("--token_file", token_file_, "keep the current token in this file")
      ->check(NotEmpty())
      ->type_name("FILE");
  exec->add_option("--token_env", token_env_, "put the token into this environment variable")
      ->check(NotEmpty())
      ->type_name("NAME");
  exec->add_option("--token_fd", token_fd_, "let the child read the token from this descriptor")
      ->check(CLI::Range(kDefaultFd, 1023))
      ->type_name("NUMBER");
  exec->add_option("command", command_, "the program and its arguments, after --")
      ->required()
      ->type_name("CMD…");
  return exec;
}

int ExecCommand::Run(const ConnectionFlags& connection, std::ostream& /*out*/, std::ostream& err) {
  if (token_env_.find('=') != std::string::npos) {
    err << "token-client: --token_env: " << token_env_ << " is no name\n";
    return kExitUsage;
  }
  // Before there is any other thread.
  const HeldSignals signals;
  TokenSourceOptions options{.channel = connection.channel, .credential = connection.credential};
  options.on_change = [here = pthread_self()](const TokenOrError&) {
    pthread_kill(here, TokenSignal());
  };
  auto source = TokenSource::Open(options);
  if (!source.ok()) {
    err << "token-client: " << source.status().message() << "\n";
    return kExitUsage;
  }
  return RunWith(**source, signals, connection, err);
}

int ExecCommand::RunWith(TokenSource& source, const HeldSignals& signals,
                         const ConnectionFlags& connection, std::ostream& err) {
  const auto wrong = [&err](std::string_view flag, std::string_view what) {
    err << "token-client: " << flag << ": " << what << "\n";
    return kExitUsage;
  };
  std::optional<TokenFile> file;
  if (!token_file_.empty()) {
    file.emplace(token_file_);
    if (const auto status = file->Claim(); !status.ok()) {
      return wrong("--token_file", {status.message().data(), status.message().size()});
    }
  }
  std::optional<TokenOrError> token = source.Get(connection.timeout);
  if (!token->ok()) {
    err << "token-client: " << connection.channel.server << ": " << Describe(token->error())
        << "\n";
    return kExitRefused;
  }
  ChildOptions options{.command = command_, .signal_mask = signals.before()};
  if (file.has_value()) {
    if (const auto status = file->Write(FormatToken(**token, format_)); !status.ok()) {
      return wrong("--token_file", {status.message().data(), status.message().size()});
    }
    if (!file->IsInMemory()) {
      err << "token-client: " << token_file_ << " is not in memory (tmpfs): the token may stay on "
          << "the disk\n";
    }
    options.environment.emplace_back("TOKEN_FILE", token_file_);
  }
  if (!token_env_.empty()) {
    options.environment.emplace_back(token_env_, FormatToken(**token, format_));
  }
  options.as = token_fd_;
  if (options.as < 0 && token_file_.empty() && token_env_.empty()) options.as = kDefaultFd;
  const Fd sealed(options.as < 0 ? -1 : SealedFile(FormatToken(**token, format_)));
  if (options.as >= 0) {
    if (sealed.get() < 0) return wrong("--token_fd", strerror(errno));
    options.fd = sealed.get();
    options.environment.emplace_back("TOKEN_FD", std::to_string(options.as));
  }
  token.reset();

  const auto child = StartChild(options);
  if (const auto* not_started = std::get_if<NotStarted>(&child)) {
    err << "token-client: " << command_[0] << ": " << strerror(not_started->error) << "\n";
    return not_started->error == ENOENT ? kExitNotFound : kExitNotExecutable;
  }
  return Stay(std::get<pid_t>(child), source, signals, file.has_value() ? &*file : nullptr, err);
}

int ExecCommand::Stay(pid_t child, TokenSource& source, const HeldSignals& signals, TokenFile* file,
                      std::ostream& err) {
  while (true) {
    const siginfo_t signal = signals.Next();
    if (signal.si_signo == SIGCHLD) {
      int status = 0;
      if (waitpid(child, &status, WNOHANG) != child) continue;
      return WIFSIGNALED(status) ? kExitSignal + WTERMSIG(status) : WEXITSTATUS(status);
    }
    if (signal.si_signo != TokenSignal()) {
      // What the terminal sends goes to the child as well, by itself.
      if (signal.si_code != SI_KERNEL) kill(child, signal.si_signo);
      continue;
    }
    if (file == nullptr) continue;
    const TokenOrError token = source.Current();
    if (!token.ok()) {
      err << "token-client: " << token_file_ << " is stale: " << Describe(token.error())
          << std::endl;
    } else if (const auto status = file->Write(FormatToken(*token, format_)); !status.ok()) {
      err << "token-client: --token_file: " << status.message() << std::endl;
    }
  }
}

}  // namespace token_service::client
