// The program as a script sees it: flags, what it prints, exit codes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace token_service::sandbox {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class Program {
 public:
  explicit Program(std::vector<std::string> arguments) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    arguments.insert(arguments.begin(), TICKET_API_SANDBOX);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::dup2(ends[1], STDERR_FILENO);
      ::close(ends[0]);
      ::close(ends[1]);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    output_ = ::fdopen(ends[0], "r");
  }
  ~Program() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    std::fclose(output_);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  std::string ReadLine() {
    std::string line;
    int c = 0;
    while ((c = std::fgetc(output_)) != EOF && c != '\n') line += static_cast<char>(c);
    return line;
  }
  std::string ReadAll() {
    std::string text;
    int c = 0;
    while ((c = std::fgetc(output_)) != EOF) text += static_cast<char>(c);
    return text;
  }
  void Signal(int number) const { ::kill(pid_, number); }
  int Wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t pid_ = 0;
  FILE* output_ = nullptr;
};

TEST(ProgramTest, PrintsWhereItListensAndAWorkingCredential) {
  Program program({"--listen=127.0.0.1:0", "--client_id=my-client"});
  const std::string listening = program.ReadLine();
  ASSERT_THAT(listening, StartsWith("listening on http://127.0.0.1:"));
  EXPECT_EQ(program.ReadLine(), "client_id my-client");
  const std::string token_line = program.ReadLine();
  ASSERT_THAT(token_line, StartsWith("refresh_token "));
  httplib::Client client(listening.substr(13));
  const httplib::Result result =
      client.Post("/token", httplib::Params{{"grant_type", "refresh_token"},
                                            {"refresh_token", token_line.substr(14)},
                                            {"client_id", "my-client"}});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 200);
}

TEST(ProgramTest, ATerminatingSignalEndsItWithZero) {
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    Program program({"--listen=127.0.0.1:0"});
    program.ReadLine();
    program.Signal(number);
    EXPECT_THAT(program.ReadAll(), HasSubstr("ended by SIG" + std::string(sigabbrev_np(number)) +
                                             " of process " + std::to_string(::getpid())));
    EXPECT_EQ(program.Wait(), 0) << number;
  }
}

TEST(ProgramTest, WritesTheRefreshTokenToAPrivateFileAndNotToStdout) {
  std::string directory = (std::filesystem::temp_directory_path() / "sandbox.XXXXXX").string();
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const std::string path = directory + "/token";
  std::ofstream(path) << "an older token, readable by all";
  Program program({"--listen=127.0.0.1:0", "--refresh_token_file=" + path});
  program.ReadLine();
  program.Signal(SIGTERM);
  const std::string rest = program.ReadAll();
  std::string token;
  std::getline(std::ifstream(path), token);
  EXPECT_EQ(token.size(), 44u);
  EXPECT_EQ(rest.find(token), std::string::npos);
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
  std::filesystem::remove_all(directory);
}

TEST(ProgramTest, HelpListsTheFlags) {
  Program program({"--help"});
  const std::string text = program.ReadAll();
  for (const char* flag : {"--listen", "--client_id", "--refresh_token_file", "--ttl", "--rotate",
                           "--reuse_detection", "--latency", "--fault"}) {
    EXPECT_THAT(text, HasSubstr(flag));
  }
  EXPECT_EQ(program.Wait(), 0);
}

TEST(ProgramTest, WhatItDoesNotUnderstandEndsItWithTwo) {
  for (const char* argument :
       {"--no_such_flag", "--ttl=soon", "--ttl=0s", "--ttl=-1h", "--grace=inf", "--fault=gremlins",
        "--listen=nowhere", "--fail_rate=2", "--omit_refresh_token", "word", "--rotate=perhaps",
        "--credential_name="}) {
    Program program({argument});
    EXPECT_NE(program.ReadAll(), "") << argument;
    EXPECT_EQ(program.Wait(), 2) << argument;
  }
}

TEST(ProgramTest, WhatTheWorldRefusesEndsItWithOne) {
  Program unwritable({"--listen=127.0.0.1:0", "--refresh_token_file=/nowhere/token"});
  EXPECT_EQ(unwritable.Wait(), 1);
  Program first({"--listen=127.0.0.1:0"});
  const std::string line = first.ReadLine();
  Program second({"--listen=127.0.0.1:" + line.substr(line.rfind(':') + 1)});
  EXPECT_EQ(second.Wait(), 1);
}

}  // namespace
}  // namespace token_service::sandbox
