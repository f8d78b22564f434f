#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/broker/token_properties.h"

namespace token_service::store {

// Each part after its length, `12:instance_url23:https://example.invalid`: no two give the same, so
// that it can be sealed for. Of none: empty.
std::string PropertiesText(const broker::TokenProperties& properties);

// Nullopt: it is no such text.
std::optional<broker::TokenProperties> PropertiesFromText(std::string_view text);

}  // namespace token_service::store
