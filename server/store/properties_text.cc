#include "server/store/properties_text.h"

#include <cstddef>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/base/absl_view.h"

namespace token_service::store {
namespace {

std::optional<std::string> TakePart(std::string_view& text) {
  const size_t colon = text.find(':');
  size_t length = 0;
  if (colon == std::string_view::npos ||
      !absl::SimpleAtoi(AbslView(text.substr(0, colon)), &length) ||
      length > text.size() - colon - 1) {
    return std::nullopt;
  }
  std::string part(text.substr(colon + 1, length));
  text.remove_prefix(colon + 1 + length);
  return part;
}

}  // namespace

std::string PropertiesText(const broker::TokenProperties& properties) {
  std::string text;
  for (const auto& [name, value] : properties) {
    absl::StrAppend(&text, name.size(), ":", name, value.size(), ":", value);
  }
  return text;
}

std::optional<broker::TokenProperties> PropertiesFromText(std::string_view text) {
  broker::TokenProperties properties;
  while (!text.empty()) {
    std::optional<std::string> name = TakePart(text);
    std::optional<std::string> value = name.has_value() ? TakePart(text) : std::nullopt;
    if (!value.has_value()) return std::nullopt;
    properties.emplace(*std::move(name), *std::move(value));
  }
  return properties;
}

}  // namespace token_service::store
