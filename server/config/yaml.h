#pragma once

#include <string_view>

#include <google/protobuf/message.h>

#include "absl/status/status.h"
#include "server/config/source.h"

namespace token_service::app {

inline constexpr size_t kMaxConfigBytes = 4 << 20;

// Fills `message` from YAML text that says the same, led by the message's descriptor:
//   message → map;  repeated → list;  map<string, string> → map of strings;  string → any single
//   value that is no null;  bool → true or false;  uint32 → a plain whole number;
//   google.protobuf.Duration → ParseConfigDuration; enum → its value's name in lower case without
//   the type's prefix (and without the 0th value).
// Records each key's line in `source`. INVALID_ARGUMENT, one line with file, line and key, for: an
// unknown key, a key given twice or without a value, a value of another type, tags, merge keys,
// control characters, no document or several, text that is no YAML or no UTF-8 or too long, aliases
// that unfold into too much. An error never shows a string's value, nor the YAML parser's own words
// unless they are constant.
absl::Status YamlToProto(std::string_view text, ConfigSource& source,
                         google::protobuf::Message& message);

}  // namespace token_service::app
