#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "server/base/secret.h"
#include "server/oauth/answer_walk.h"

namespace token_service::oauth {

// Where a value stands in an answer: names joined by dots, `data.tokens.0.refresh_token`; a number
// is the place in a list, from 0, and `#3` the fourth member of an object, whatever its name.

bool PathIs(absl::Span<const Step> steps, std::string_view path);

// The path of a value, to be shown. A name that may be a secret itself is shown as `#3`.
std::string PathText(absl::Span<const Step> steps);

// The string there, whole. The last, should there be several.
std::optional<Secret> StringAt(std::string_view body, std::string_view path);

}  // namespace token_service::oauth
