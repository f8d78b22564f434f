#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/base/secret.h"

namespace token_service::telemetry {

// Structured logging on stderr: an event name and fields, as one JSON object a line or as text.
//
//   telemetry::Log(Level::kInfo, "token refreshed", {{"credential", name}, {"generation", 7}});
//
// A Secret is no field: the constructor is deleted. Never pass a provider's answer, a parser's or
// curl's error text. Any thread; a line is written whole, in the order of the calls of one thread.
//
// Logging never waits for stderr and never throws: a thread of its own writes. Whoever reads stderr
// too slowly loses the oldest lines and finds their number in a line of its own.
enum class Level { kDebug, kInfo, kWarning, kError };

enum class Format {
  kAuto,  // Text when stderr is a terminal, JSON otherwise.
  kJson,
  kText,
};

class Field {
 public:
  using Value =
      std::variant<std::string_view, int64_t, uint64_t, double, bool, absl::Duration, absl::Time>;

  Field(std::string_view key, std::string_view value) : key(key), value(value) {}
  Field(std::string_view key, const std::string& value)
      : key(key), value(std::string_view(value)) {}
  Field(std::string_view key, const char* value) : key(key), value(std::string_view(value)) {}
  Field(std::string_view key, bool value) : key(key), value(value) {}
  Field(std::string_view key, double value) : key(key), value(value) {}
  Field(std::string_view key, absl::Duration value) : key(key), value(value) {}
  Field(std::string_view key, absl::Time value) : key(key), value(value) {}
  template <std::signed_integral T>
  Field(std::string_view key, T value) : key(key), value(static_cast<int64_t>(value)) {}
  template <std::unsigned_integral T>
  Field(std::string_view key, T value) : key(key), value(static_cast<uint64_t>(value)) {}
  Field(std::string_view key, const Secret& value) = delete;

  std::string_view key;
  Value value;
};

void Log(Level level, std::string_view event, std::initializer_list<Field> fields = {});

// A line of the audit: as Log at kInfo with `audit: true` before the fields, whatever the level.
void LogAudit(std::string_view event, absl::Span<const Field> fields);

// Lines lost so far, to a reader of stderr that was too slow.
uint64_t LostLogLines();

// Takes effect at once for every thread. Until called: kInfo, kAuto.
void ConfigureLog(Level level, Format format);

// Waits until what was logged before is written, at most 2 s. Happens by itself at exit().
void FlushLog();

}  // namespace token_service::telemetry
