#pragma once

#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "server/base/secret.h"

namespace token_service::oauth {

// A provider's words as an operator may see them: printable ASCII, anything else a space; at most
// 200 characters. Every run that could be a token is `***`: eight characters or more of one of
// `secrets`; twelve or more of what tokens are made of, unless they are letters and underscores in
// words of no more than 20.
std::string ShownWords(std::string_view text, absl::Span<const Secret* const> secrets);

// Whether nothing of it has to be masked.
bool IsHarmless(std::string_view text, absl::Span<const Secret* const> secrets);

}  // namespace token_service::oauth
