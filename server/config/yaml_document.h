#pragma once

#include <string_view>

#include <yaml-cpp/node/node.h>

#include "absl/status/statusor.h"
#include "server/config/source.h"

namespace token_service::app {

// The one document of a YAML text. INVALID_ARGUMENT with file and line: the text is too long, no
// UTF-8, no YAML, or holds no document or several. Deep nesting is refused, aliases are not
// unfolded.
absl::StatusOr<YAML::Node> ParseYamlDocument(std::string_view text, const ConfigSource& source);

}  // namespace token_service::app
