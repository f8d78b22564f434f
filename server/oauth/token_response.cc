#include "server/oauth/token_response.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "server/oauth/json_members.h"
#include "server/oauth/jwt.h"
#include "server/oauth/token_response.pb.h"

namespace token_service::oauth {
namespace {

using google::protobuf::Value;

constexpr size_t kMaxTokenSize = 16 * 1024;
constexpr size_t kMaxScopeSize = 4 * 1024;
constexpr size_t kMaxNameSize = 128;  // Of a token type, of an error code.
constexpr absl::Duration kMaxLifetime = absl::Hours(24 * 36500);

bool IsVschar(char c) { return c >= 0x20 && c <= 0x7e; }
bool IsNqschar(char c) { return IsVschar(c) && c != '"' && c != '\\'; }

bool IsPrintable(std::string_view text, size_t max_size) {
  return !text.empty() && text.size() <= max_size &&
         std::all_of(text.begin(), text.end(), IsVschar);
}

// Also when the kind was never set.
bool IsNull(const Value& value) {
  return value.kind_case() == Value::KIND_NOT_SET || value.has_null_value();
}

void Wipe(Value& value) {
  if (value.has_string_value()) WipeString(*value.mutable_string_value());
}

std::string TokenType(const Value& value) {
  if (!IsPrintable(value.string_value(), kMaxNameSize)) return "Bearer";
  if (absl::EqualsIgnoreCase(value.string_value(), "bearer")) return "Bearer";
  return value.string_value();
}

std::optional<double> Seconds(const Value& value) {
  if (value.has_number_value()) return value.number_value();
  double seconds = 0;
  if (value.has_string_value() && absl::SimpleAtod(value.string_value(), &seconds)) return seconds;
  return std::nullopt;
}

std::optional<absl::Duration> Lifetime(const TokenMembers& members, absl::Time now) {
  if (const auto seconds = Seconds(members.expires_in());
      seconds.has_value() && std::isfinite(*seconds)) {
    // Not of the number: one that is positive may be less than any duration.
    const absl::Duration lifetime = absl::Seconds(*seconds);
    if (lifetime > absl::ZeroDuration()) return std::min(lifetime, kMaxLifetime);
  }
  if (const auto expiry = JwtExpiry(members.access_token().string_value());
      expiry.has_value() && *expiry > now) {
    return std::min(*expiry - now, kMaxLifetime);
  }
  return std::nullopt;
}

TokenResponse Judge(const TokenMembers& members, absl::Time now) {
  const Value& access_token = members.access_token();
  const Value& refresh_token = members.refresh_token();
  const bool omitted = IsNull(refresh_token) ||
                       (refresh_token.has_string_value() && refresh_token.string_value().empty());
  if (const std::string& code = members.error().string_value(); !code.empty()) {
    if (code.size() > kMaxNameSize || !std::all_of(code.begin(), code.end(), IsNqschar)) {
      return Unusable{"malformed error"};
    }
    if (omitted) return ErrorCode{code};
    return ErrorCode{code, Secret(std::string_view(refresh_token.string_value()))};
  }
  if (IsNull(access_token)) return Unusable{"no access token"};
  if (!IsPrintable(access_token.string_value(), kMaxTokenSize)) {
    return Unusable{"malformed access token"};
  }
  if (!omitted && !IsPrintable(refresh_token.string_value(), kMaxTokenSize)) {
    return Unusable{"malformed refresh token"};
  }

  broker::Granted granted;
  granted.access_token = Secret(std::string_view(access_token.string_value()));
  granted.token_type = TokenType(members.token_type());
  if (!omitted) granted.refresh_token = Secret(std::string_view(refresh_token.string_value()));
  if (IsPrintable(members.scope().string_value(), kMaxScopeSize)) {
    granted.scope = members.scope().string_value();
  }
  granted.expires_in = Lifetime(members, now);
  return granted;
}

}  // namespace

TokenResponse ParseTokenResponse(const Secret& body, absl::Time now) {
  TokenMembers members;
  const absl::Cleanup wipe = [&members] {
    Wipe(*members.mutable_access_token());
    Wipe(*members.mutable_refresh_token());
  };
  if (!ReadJsonMembers(body.Reveal(), members)) return Unusable{"not a JSON object"};
  return Judge(members, now);
}

}  // namespace token_service::oauth
