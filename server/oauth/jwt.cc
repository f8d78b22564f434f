#include "server/oauth/jwt.h"

#include <cmath>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "server/base/secret.h"
#include "server/oauth/json_members.h"
#include "server/oauth/token_response.pb.h"

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
  JwtMembers members;
  const bool read =
      absl::WebSafeBase64Unescape(absl::string_view(payload.data(), payload.size()), &claims) &&
      ReadJsonMembers(claims, members);
  WipeString(claims);
  if (!read || !members.exp().has_number_value()) return std::nullopt;
  const double seconds = members.exp().number_value();
  if (!std::isfinite(seconds)) return std::nullopt;
  return absl::UnixEpoch() + absl::Seconds(seconds);
}

}  // namespace token_service::oauth
