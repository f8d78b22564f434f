// RefreshBook by scripts: tests/broker/scripts/*.txt. A line that is not indented is an event, an
// indented one an action that it brings, in order; # begins a comment.
//
// TOKEN_SERVICE_REWRITE_SCRIPTS=1 writes the actions as they are into the files, to be read as a
// change is.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/broker/scripted_book.h"

namespace token_service::testing {
namespace {

std::vector<std::filesystem::path> Scripts() {
  std::vector<std::filesystem::path> scripts;
  for (const auto& file : std::filesystem::directory_iterator(SCRIPTS)) {
    scripts.push_back(file.path());
  }
  std::sort(scripts.begin(), scripts.end());
  return scripts;
}

std::string Read(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The script with the actions that came, instead of those that it says.
std::string Play(const std::string& script) {
  ScriptedBook book;
  std::string played;
  const std::vector<std::string> lines = absl::StrSplit(absl::StripSuffix(script, "\n"), '\n');
  for (const std::string& line : lines) {
    if (absl::StartsWith(line, "  ")) continue;
    played += line + "\n";
    if (line.empty() || absl::StartsWith(line, "#")) continue;
    for (const std::string& action : book.On(line)) played += "  " + action + "\n";
  }
  return played;
}

class RefreshBookScript : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(RefreshBookScript, GoesAsItSays) {
  const std::string script = Read(GetParam());
  ASSERT_FALSE(script.empty());
  const std::string played = Play(script);
  if (std::getenv("TOKEN_SERVICE_REWRITE_SCRIPTS") != nullptr) {
    std::ofstream(GetParam()) << played;
  } else {
    EXPECT_EQ(played, script);
  }
}

INSTANTIATE_TEST_SUITE_P(All, RefreshBookScript, ::testing::ValuesIn(Scripts()),
                         [](const auto& info) { return info.param.stem().string(); });

}  // namespace
}  // namespace token_service::testing
