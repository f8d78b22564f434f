#include "server/oauth/jwt.h"

#include <cmath>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "server/base/secret.h"
#include "server/oauth/answer_walk.h"
#include "server/oauth/json_text.h"

namespace token_service::oauth {

std::optional<absl::Time> JwtExpiry(std::string_view token) {
  const size_t first = token.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const size_t second = token.find('.', first + 1);
  // Three parts: more is an encrypted one, whose claims nobody here can read.
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view payload = token.substr(first + 1, second - first - 1);
  std::string claims;
  const bool decoded =
      absl::WebSafeBase64Unescape(absl::string_view(payload.data(), payload.size()), &claims);
  std::optional<double> exp;
  bool object = false;
  const auto end = WalkAnswer(claims, [&](const WalkedValue& value) {
    if (value.path.empty()) object = value.kind == ValueKind::kObject;
    if (value.path.size() != 1 || !JsonTextIs(value.path[0].name, "exp")) return;
    exp = value.kind == ValueKind::kScalar ? JsonNumber(value.raw) : std::nullopt;
  });
  WipeString(claims);
  if (!decoded || !object || end != JsonScanner::Event::kEnd || !exp.has_value()) {
    return std::nullopt;
  }
  const double seconds = *exp;
  if (!std::isfinite(seconds)) return std::nullopt;
  return absl::UnixEpoch() + absl::Seconds(seconds);
}

}  // namespace token_service::oauth
