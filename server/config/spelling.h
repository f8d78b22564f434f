#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace token_service::app {

// What somebody who wrote `word` most likely meant; empty when nothing comes close.
std::string NearestWord(std::string_view word, const std::vector<std::string>& known);

// A value as an error shows it: in quotes, escaped, at most 60 bytes of it.
std::string QuoteForError(std::string_view value);

}  // namespace token_service::app
