#pragma once

#include <string>

#include <google/protobuf/message.h>

#include "absl/status/status.h"

namespace token_service::app {

// Sets (or, where repeated, appends to) one field of `message` from a word, by the rules of
// YamlToProto. INVALID_ARGUMENT says what was expected and, for all but strings, what was got;
// without the key.
absl::Status SetScalar(const std::string& word, bool quoted,
                       const google::protobuf::FieldDescriptor& field,
                       google::protobuf::Message& message);

bool HasControlCharacter(const std::string& text);

}  // namespace token_service::app
