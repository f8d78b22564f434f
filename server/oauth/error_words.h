#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "server/base/secret.h"
#include "server/broker/provider_error.h"
#include "server/broker/provider_rules.h"

namespace token_service::oauth {

// What an answer without a token says, in whatever dialect.
struct ErrorWords {
  // One of error_table.h's codes, in its spelling: the `error` of RFC 6749 section 5.2 in any case;
  // else one that stands where other dialects have theirs (`errors.0.errorType`); else one that
  // stands as a word in a description.
  std::optional<std::string> known_code;
  bool busy = false;                // Another exchange of the same refresh token is under way.
  bool throttled = false;           // Too many requests.
  bool refresh_token_dead = false;  // That it is no good, in so many words.
};
// `error`: the member of that name, if it is one of section 5.2.
ErrorWords ReadErrorWords(std::string_view body, const std::optional<std::string>& error);

// What the first rule says that fits.
std::optional<broker::ErrorMeaning> FirstFitting(absl::Span<const broker::ErrorRule> rules,
                                                 int status, std::string_view body);

// What an operator is shown of it. A description has 200 printable characters at most; what could
// be a token in it, or is a part of `secrets`, is masked.
broker::ProviderError ShownError(int status, std::string_view body,
                                 const std::optional<std::string>& error,
                                 absl::Span<const Secret* const> secrets);

}  // namespace token_service::oauth
