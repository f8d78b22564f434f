#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "server/base/secret.h"
#include "server/oauth/form_body.h"

namespace token_service::oauth {

// What is between the quotes of a JSON string (RFC 8259 section 7), with its escapes undone. A
// character that no token may hold (RFC 6749 appendix A), however it is written, is a DEL: outside
// ASCII, or half of a surrogate pair.
Secret DecodeJsonText(std::string_view raw);

// Whether that is `text`.
bool JsonTextIs(std::string_view raw, std::string_view text);

// A JSON object of strings, in the given order.
Secret EncodeJsonObject(const std::vector<FormField>& members);

// The number that a scalar is (RFC 8259 section 6). Nullopt: it is none, or more than a double
// holds.
std::optional<double> JsonNumber(std::string_view raw);

}  // namespace token_service::oauth
