#include "server/telemetry/log_line.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/base/absl_view.h"
#include "server/telemetry/utf8.h"

namespace token_service::telemetry {
namespace {

std::string_view LevelName(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarning:
      return "warning";
    case Level::kError:
      return "error";
  }
  return "error";
}

std::string Rfc3339(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

void AppendQuoted(std::string& line, std::string_view text) {
  line += '"';
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    const auto first = static_cast<unsigned char>(text[0]);
    if (length == 0) {
      line += "\xEF\xBF\xBD";
    } else if (first == '"' || first == '\\') {
      line += '\\';
      line += text[0];
    } else if (first == '\n') {
      line += "\\n";
    } else if (first < 0x20 || first == 0x7F) {
      absl::StrAppendFormat(&line, "\\u%04x", first);
    } else if (first == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0) {
      // U+0080 to U+009F: controls as well, and terminals obey them.
      absl::StrAppendFormat(&line, "\\u%04x", static_cast<unsigned char>(text[1]));
    } else if (text.starts_with("\u2028") || text.starts_with("\u2029")) {
      // Line and paragraph separator: some readers of lines split there.
      line += text[2] == '\xA8' ? "\\u2028" : "\\u2029";
    } else {
      line += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  line += '"';
}

void AppendDouble(std::string& line, double value) {
  if (!std::isfinite(value)) {
    line += "null";
    return;
  }
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value);
  line.append(buffer, end.ptr);
}

void AppendValue(std::string& line, const Field::Value& value) {
  std::visit(
      [&](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::string_view>) {
          AppendQuoted(line, v);
        } else if constexpr (std::is_same_v<T, bool>) {
          line += v ? "true" : "false";
        } else if constexpr (std::is_same_v<T, double>) {
          AppendDouble(line, v);
        } else if constexpr (std::is_same_v<T, absl::Duration>) {
          AppendDouble(line, absl::ToDoubleSeconds(v));
        } else if constexpr (std::is_same_v<T, absl::Time>) {
          if (v == absl::InfiniteFuture() || v == absl::InfinitePast()) {
            line += "null";
          } else {
            AppendQuoted(line, Rfc3339(v));
          }
        } else {
          absl::StrAppend(&line, v);
        }
      },
      value);
}

// Words that need no quotes to be told from the next field.
bool IsPlain(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (!absl::ascii_isgraph(static_cast<unsigned char>(c)) || c == '"' || c == '=' || c == '\\') {
      return false;
    }
  }
  return true;
}

void AppendWord(std::string& line, std::string_view text) {
  if (IsPlain(text)) {
    line += text;
  } else {
    AppendQuoted(line, text);
  }
}

// `level`: its member, with a comma, or nothing.
std::string JsonObject(absl::Time time, std::string_view level, std::string_view event,
                       absl::Span<const Field> fields) {
  std::string line = absl::StrCat("{\"time\":\"", Rfc3339(time), "\",");
  line += level;
  line += "\"event\":";
  AppendQuoted(line, event);
  for (const Field& field : fields) {
    line += ',';
    AppendQuoted(line, field.key);
    line += ':';
    AppendValue(line, field.value);
  }
  line += '}';
  return line;
}

}  // namespace

std::string JsonLine(absl::Time time, Level level, std::string_view event,
                     absl::Span<const Field> fields) {
  return JsonObject(time, absl::StrCat("\"level\":\"", AbslView(LevelName(level)), "\","), event,
                    fields);
}

std::string JsonLine(absl::Time time, std::string_view event, absl::Span<const Field> fields) {
  return JsonObject(time, "", event, fields);
}

std::string TextLine(absl::Time time, Level level, std::string_view event,
                     absl::Span<const Field> fields) {
  std::string line = absl::StrCat(Rfc3339(time), " ");
  line += absl::AsciiStrToUpper(std::string(LevelName(level)));
  line += ' ';
  // The event's quotes would be noise; what they guard against is kept out all the same.
  std::string quoted;
  AppendQuoted(quoted, event);
  line.append(quoted, 1, quoted.size() - 2);
  for (const Field& field : fields) {
    line += ' ';
    AppendWord(line, field.key);
    line += '=';
    if (const auto* text = std::get_if<std::string_view>(&field.value)) {
      AppendWord(line, *text);
    } else {
      AppendValue(line, field.value);
    }
  }
  return line;
}

}  // namespace token_service::telemetry
