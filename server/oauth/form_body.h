#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/base/secret.h"

namespace token_service::oauth {

// Points to what it was made of.
struct FormField {
  std::string_view name;
  std::string_view value;
};

// application/x-www-form-urlencoded, in the given order. Everything but RFC 3986's unreserved
// characters is percent-encoded, a space as %20: every decoder of forms takes it, and so do those
// that know no '+'.
Secret EncodeForm(const std::vector<FormField>& fields);

// One name or value, encoded the same way.
Secret EncodeFormValue(std::string_view value);

}  // namespace token_service::oauth
