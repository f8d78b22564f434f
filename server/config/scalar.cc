#include "server/config/scalar.h"

#include <google/protobuf/duration.pb.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/config/duration.h"
#include "server/config/spelling.h"

namespace token_service::app {
namespace {

using ::google::protobuf::EnumDescriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;

absl::Status Expected(const std::string& what, const std::string& got) {
  return absl::InvalidArgumentError(absl::StrCat("expected ", what, ", got ", QuoteForError(got)));
}

// `Refresh` → `REFRESH_`, `ClientAuth` → `CLIENT_AUTH_`.
std::string ValuePrefix(const EnumDescriptor& type) {
  std::string prefix;
  for (const char c : type.name()) {
    if (absl::ascii_isupper(static_cast<unsigned char>(c)) && !prefix.empty()) prefix += '_';
    prefix += absl::ascii_toupper(static_cast<unsigned char>(c));
  }
  return prefix + "_";
}

absl::Status SetEnum(const std::string& word, const FieldDescriptor& field, Message& message) {
  const EnumDescriptor& type = *field.enum_type();
  const size_t prefix = ValuePrefix(type).size();
  std::vector<std::string> words;
  for (int i = 1; i < type.value_count(); ++i) {
    words.push_back(absl::AsciiStrToLower(std::string(type.value(i)->name()).substr(prefix)));
    if (words.back() != word) continue;
    message.GetReflection()->SetEnum(&message, &field, type.value(i));
    return absl::OkStatus();
  }
  const std::string last = words.back();
  words.pop_back();
  return Expected(absl::StrCat(absl::StrJoin(words, ", "), " or ", last), word);
}

absl::Status SetDuration(const std::string& word, const FieldDescriptor& field, Message& message) {
  const std::optional<absl::Duration> duration = ParseConfigDuration(word);
  if (!duration.has_value()) return Expected("a duration such as 500ms, 10s, 5m or 24h", word);
  google::protobuf::Duration set;
  absl::Duration rest;
  set.set_seconds(absl::IDivDuration(*duration, absl::Seconds(1), &rest));
  set.set_nanos(static_cast<int>(absl::ToInt64Nanoseconds(rest)));
  message.GetReflection()->MutableMessage(&message, &field)->CopyFrom(set);
  return absl::OkStatus();
}

absl::Status SetNumber(const std::string& word, bool quoted, const FieldDescriptor& field,
                       Message& message) {
  uint32_t number = 0;
  const bool digits = word.find_first_not_of("0123456789") == std::string::npos;
  if (quoted || !digits || !absl::SimpleAtoi(word, &number))
    return Expected("a whole number", word);
  message.GetReflection()->SetUInt32(&message, &field, number);
  return absl::OkStatus();
}

absl::Status SetString(const std::string& word, const FieldDescriptor& field, Message& message) {
  if (HasControlCharacter(word)) {
    return absl::InvalidArgumentError("holds a line break or another control character");
  }
  if (field.is_repeated()) {
    message.GetReflection()->AddString(&message, &field, word);
  } else {
    message.GetReflection()->SetString(&message, &field, word);
  }
  return absl::OkStatus();
}

}  // namespace

bool HasControlCharacter(const std::string& text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); });
}

absl::Status SetScalar(const std::string& word, bool quoted, const FieldDescriptor& field,
                       Message& message) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return SetString(word, field, message);
    case FieldDescriptor::CPPTYPE_ENUM:
      return SetEnum(word, field, message);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return SetDuration(word, field, message);
    case FieldDescriptor::CPPTYPE_UINT32:
      return SetNumber(word, quoted, field, message);
    case FieldDescriptor::CPPTYPE_BOOL:
      if (quoted || (word != "true" && word != "false")) return Expected("true or false", word);
      message.GetReflection()->SetBool(&message, &field, word == "true");
      return absl::OkStatus();
    default:
      return absl::InternalError("the schema has a type that the loader does not know");
  }
}

}  // namespace token_service::app
