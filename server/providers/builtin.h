#pragma once

#include <string_view>

#include "absl/types/span.h"

namespace token_service::providers {

// The rules of a provider that many use: server/providers/rules/NAME.yaml, a `Provider` of
// server/config/config.proto.
struct Builtin {
  std::string_view name;
  std::string_view text;  // YAML.
};

// In order of name.
absl::Span<const Builtin> AllBuiltin();

// Null: there is none of this name.
const Builtin* FindBuiltin(std::string_view name);

}  // namespace token_service::providers
