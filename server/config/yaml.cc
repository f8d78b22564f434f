#include "server/config/yaml.h"

#include <yaml-cpp/yaml.h>

#include <exception>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/config/scalar.h"
#include "server/config/spelling.h"
#include "server/config/yaml_document.h"

namespace token_service::app {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;

// An alias can stand for a list of aliases: what unfolds is bounded, not only the text.
constexpr int kMaxValues = 200'000;

int LineOf(const YAML::Node& node) { return node.Mark().line + 1; }

bool IsDuration(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
         field.message_type()->full_name() == "google.protobuf.Duration";
}

bool IsPlainMessage(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !IsDuration(field);
}

std::vector<std::string> FieldNames(const Descriptor& descriptor) {
  std::vector<std::string> names;
  for (int i = 0; i < descriptor.field_count(); ++i) {
    names.emplace_back(descriptor.field(i)->name());
  }
  return names;
}

class Loader {
 public:
  explicit Loader(ConfigSource& source) : source_(source) {}

  absl::Status Map(const YAML::Node& node, const std::string& path, Message& message) {
    if (!node.IsMap()) return source_.Error(path, "expected a map (key: value)");
    for (const auto& entry : node) {
      absl::StatusOr<std::string> key = Key(entry.first, path);
      if (!key.ok()) return key.status();
      const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(*key);
      if (field == nullptr) return Unknown(*key, LineOf(entry.first), *message.GetDescriptor());
      absl::Status status = Field(entry.second, Join(path, *key), *field, message);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

 private:
  static std::string Join(const std::string& path, const std::string& key) {
    return path.empty() ? key : absl::StrCat(path, ".", key);
  }

  // Checks a key and records where it stands.
  absl::StatusOr<std::string> Key(const YAML::Node& node, const std::string& path) {
    if (!node.IsScalar()) return source_.ErrorAtLine(LineOf(node), "a key must be a word");
    const std::string& key = node.Scalar();
    if (key == "<<") return source_.ErrorAtLine(LineOf(node), "merge keys (<<) are not supported");
    if (HasControlCharacter(key)) {
      return source_.ErrorAtLine(LineOf(node), "a key holds a control character");
    }
    const std::string full = Join(path, key);
    if (source_.Has(full)) {
      return source_.ErrorAtLine(LineOf(node),
                                 absl::StrFormat("key %s given twice", QuoteForError(key)));
    }
    source_.Add(full, LineOf(node));
    if (++values_ > kMaxValues) return source_.Error(full, "too many values");
    return key;
  }

  absl::Status Unknown(const std::string& key, int line, const Descriptor& descriptor) {
    std::string what = absl::StrCat("unknown key ", QuoteForError(key));
    const std::string meant = NearestWord(key, FieldNames(descriptor));
    if (!meant.empty()) what += absl::StrFormat("; did you mean \"%s\"?", meant);
    return source_.ErrorAtLine(line, what);
  }

  absl::Status Field(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
                     Message& message) {
    if (field.is_map()) return StringMap(node, path, field, message);
    if (!field.is_repeated()) return Value(node, path, field, message);
    if (!node.IsSequence()) return source_.Error(path, "expected a list ([a, b], or - a)");
    int index = 0;
    for (const YAML::Node& item : node) {
      const std::string at = absl::StrCat(path, "[", index++, "]");
      // The parser places a missing item at whatever comes next.
      if (!item.IsNull()) source_.Add(at, LineOf(item));
      if (++values_ > kMaxValues) return source_.Error(at, "too many values");
      absl::Status status = Value(item, at, field, message);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status Value(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
                     Message& message) {
    if (node.IsNull()) return source_.Error(path, "has no value");
    if (IsPlainMessage(field)) {
      const auto* reflection = message.GetReflection();
      return Map(node, path,
                 field.is_repeated() ? *reflection->AddMessage(&message, &field)
                                     : *reflection->MutableMessage(&message, &field));
    }
    return Scalar(node, path, field, message);
  }

  absl::Status Scalar(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
                      Message& message) {
    if (!node.IsScalar()) return source_.Error(path, "expected a single value");
    // "?" and "!" are the parser's marks for a plain and a quoted scalar.
    if (!node.Tag().empty() && node.Tag() != "?" && node.Tag() != "!") {
      return source_.Error(path, "tags are not supported");
    }
    const absl::Status status = SetScalar(node.Scalar(), node.Tag() == "!", field, message);
    return status.ok() ? status : source_.Error(path, std::string(status.message()));
  }

  absl::Status StringMap(const YAML::Node& node, const std::string& path,
                         const FieldDescriptor& field, Message& message) {
    if (!node.IsMap()) return source_.Error(path, "expected a map (key: value)");
    const FieldDescriptor& key_field = *field.message_type()->map_key();
    const FieldDescriptor& value_field = *field.message_type()->map_value();
    for (const auto& entry : node) {
      absl::StatusOr<std::string> key = Key(entry.first, path);
      if (!key.ok()) return key.status();
      const std::string at = Join(path, *key);
      Message& added = *message.GetReflection()->AddMessage(&message, &field);
      added.GetReflection()->SetString(&added, &key_field, *key);
      absl::Status status = Value(entry.second, at, value_field, added);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  ConfigSource& source_;
  int values_ = 0;
};

}  // namespace

absl::Status YamlToProto(std::string_view text, ConfigSource& source, Message& message) {
  try {
    const absl::StatusOr<YAML::Node> document = ParseYamlDocument(text, source);
    if (!document.ok()) return document.status();
    return Loader(source).Map(*document, "", message);
  } catch (const std::exception&) {
    // Nothing known throws here; whatever it is may quote the file.
    return source.ErrorAtLine(1, "could not be read as YAML");
  }
}

}  // namespace token_service::app
