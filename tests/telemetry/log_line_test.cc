#include "server/telemetry/log_line.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <type_traits>

#include "server/base/secret.h"

namespace token_service::telemetry {
namespace {

static_assert(!std::is_constructible_v<Field, std::string_view, Secret>);
static_assert(!std::is_constructible_v<Field, std::string_view, Secret&>);
static_assert(!std::is_constructible_v<Field, std::string_view, const Secret&>);
static_assert(std::is_constructible_v<Field, std::string_view, std::string>);

const absl::Time kTime = absl::FromUnixMillis(1'767'225'600'007);
constexpr std::string_view kJsonHead =
    R"({"time":"2026-01-01T00:00:00.007Z","level":"info","event":)";
constexpr std::string_view kTextHead = "2026-01-01T00:00:00.007Z INFO ";

std::string Json(std::string_view event, std::initializer_list<Field> fields = {}) {
  const std::string line = JsonLine(kTime, Level::kInfo, event, fields);
  EXPECT_TRUE(line.starts_with(kJsonHead)) << line;
  return line.substr(kJsonHead.size());
}

std::string Text(std::string_view event, std::initializer_list<Field> fields = {}) {
  const std::string line = TextLine(kTime, Level::kInfo, event, fields);
  EXPECT_TRUE(line.starts_with(kTextHead)) << line;
  return line.substr(kTextHead.size());
}

TEST(JsonLineTest, HoldsEveryKindOfField) {
  EXPECT_EQ(Json("token refreshed", {{"credential", "inbox"},
                                     {"generation", 7U},
                                     {"delta", -3},
                                     {"ratio", 0.5},
                                     {"rotated", true},
                                     {"took", absl::Milliseconds(1500)},
                                     {"expires", absl::UnixEpoch()}}),
            R"("token refreshed","credential":"inbox","generation":7,"delta":-3,"ratio":0.5,)"
            R"("rotated":true,"took":1.5,"expires":"1970-01-01T00:00:00.000Z"})");
}

TEST(JsonLineTest, NamesTheLevel) {
  const std::string line = JsonLine(kTime, Level::kWarning, "e", {});
  EXPECT_EQ(line, R"({"time":"2026-01-01T00:00:00.007Z","level":"warning","event":"e"})");
}

TEST(JsonLineTest, WhatHasNoNumberIsNull) {
  EXPECT_EQ(
      Json("e",
           {{"a", absl::InfiniteDuration()}, {"b", std::nan("")}, {"c", absl::InfiniteFuture()}}),
      R"("e","a":null,"b":null,"c":null})");
}

TEST(JsonLineTest, EscapesStrings) {
  const struct {
    std::string_view text;
    std::string_view escaped;
  } cases[] = {
      {"plain", "plain"},
      {"a\"b\\c", R"(a\"b\\c)"},
      {"two\nlines\ttab", R"(two\nlines\u0009tab)"},
      {std::string_view("nul\0", 4), R"(nul\u0000)"},
      {"del\x7f", R"(del\u007f)"},
      {"csi\xC2\x9B", R"(csi\u009b)"},
      {"caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x94\x91", "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x94\x91"},
      {"cut \xC3", "cut \xEF\xBF\xBD"},
      {"stray \xBF.", "stray \xEF\xBF\xBD."},
      {"overlong \xC0\xAF", "overlong \xEF\xBF\xBD\xEF\xBF\xBD"},
      {"surrogate \xED\xA0\x80", "surrogate \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"high \xF5\x80\x80\x80", "high \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Json(c.text), "\"" + std::string(c.escaped) + "\"}") << c.escaped;
  }
}

TEST(TextLineTest, QuotesOnlyWhatNeedsIt) {
  EXPECT_EQ(Text("token refreshed", {{"credential", "inbox"}, {"purpose", "two words"}, {"n", 7}}),
            R"(token refreshed credential=inbox purpose="two words" n=7)");
  EXPECT_EQ(Text("e", {{"empty", ""}, {"equals", "a=b"}}), R"(e empty="" equals="a=b")");
}

TEST(TextLineTest, LetsNoControlCharacterThrough) {
  EXPECT_EQ(Text("a\x1b[31m", {{"k", "b\x1b]0;x"}}), R"(a\u001b[31m k="b\u001b]0;x")");
}

TEST(JsonLineTest, NoReaderOfLinesSplitsAValue) {
  const std::string line =
      JsonLine(absl::UnixEpoch(), "e", {{"v", "a\u2028b\u2029c\u0085d\ve\ff"}});
  EXPECT_EQ(line, R"({"time":"1970-01-01T00:00:00.000Z","event":"e",)"
                  R"("v":"a\u2028b\u2029c\u0085d\u000be\u000cf"})");
}

}  // namespace
}  // namespace token_service::telemetry
