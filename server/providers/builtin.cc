#include "server/providers/builtin.h"

#include <algorithm>

#include "server/providers/builtin_rules.h"

namespace token_service::providers {

absl::Span<const Builtin> AllBuiltin() { return kBuiltin; }

const Builtin* FindBuiltin(std::string_view name) {
  const auto* const found =
      std::find_if(std::begin(kBuiltin), std::end(kBuiltin),
                   [name](const Builtin& builtin) { return builtin.name == name; });
  return found == std::end(kBuiltin) ? nullptr : found;
}

}  // namespace token_service::providers
