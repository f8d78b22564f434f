#include "server/oauth/token_response.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "server/base/absl_view.h"
#include "server/oauth/answer_members.h"
#include "server/oauth/jwt.h"
#include "server/oauth/told_lifetime.h"

namespace token_service::oauth {
namespace {

using broker::ResponseRules;
using broker::TimeUnit;

constexpr size_t kMaxTokenSize = 16 * 1024;
constexpr size_t kMaxScopeSize = 4 * 1024;
constexpr size_t kMaxNameSize = 128;  // Of a token type, of an error code.
constexpr size_t kMaxPropertySize = 1024;

// Token types of schemes of their own: RFC 6749 section 7.1 (`mac`), RFC 9449, RFC 8693.
constexpr std::array<std::string_view, 3> kSchemes = {"mac", "DPoP", "N_A"};

bool IsVschar(char c) { return c >= 0x20 && c <= 0x7e; }
bool IsNqschar(char c) { return IsVschar(c) && c != '"' && c != '\\'; }

bool IsPrintable(std::string_view text, size_t max_size) {
  return !text.empty() && text.size() <= max_size &&
         std::all_of(text.begin(), text.end(), IsVschar);
}

struct Members {
  AnswerMember access_token, token_type, refresh_token, scope, error;
  // Where the rules have them; then where they are without.
  AnswerMember expires_in, expires_at, plain_expires_in, expires_in_sec, plain_expires_at;
  AnswerMember refresh_expires_in, refresh_expires_at;
  std::array<AnswerMember, 3> plain_refresh_expires_in;
  AnswerMember plain_refresh_expires_at;
};

// False: no JSON object, or not all of one.
bool ReadAll(const ResponseRules& rules, std::string_view json, Members& members) {
  const WantedMember wanted[] = {
      {rules.access_token, &members.access_token},
      {rules.token_type, &members.token_type},
      {rules.refresh_token, &members.refresh_token},
      {rules.scope, &members.scope},
      {"error", &members.error},
      {rules.expires_in, &members.expires_in},
      {rules.expires_at, &members.expires_at},
      {"expires_in", &members.plain_expires_in},
      {"expires_in_sec", &members.expires_in_sec},
      {"expires_at", &members.plain_expires_at},
      {rules.refresh_token_expires_in, &members.refresh_expires_in},
      {rules.refresh_token_expires_at, &members.refresh_expires_at},
      {"refresh_token_expires_in", &members.plain_refresh_expires_in[0]},
      {"x_refresh_token_expires_in", &members.plain_refresh_expires_in[1]},
      {"refresh_expires_in", &members.plain_refresh_expires_in[2]},
      {"refresh_token_expires_at", &members.plain_refresh_expires_at},
  };
  return ReadMembers(json, wanted);
}

std::string TokenType(const ResponseRules& rules, const AnswerMember& member) {
  if (!rules.scheme.empty()) return rules.scheme;
  const Secret text = member.Text();
  for (const std::string_view scheme : kSchemes) {
    if (absl::EqualsIgnoreCase(AbslView(text.Reveal()), AbslView(scheme))) {
      return std::string(text.Reveal());
    }
  }
  return "Bearer";
}

std::optional<absl::Duration> Lifetime(const ResponseRules& rules, const Members& members,
                                       absl::Time now) {
  auto lifetime = LifetimeOf(members.expires_in, rules.expires_in_unit, now);
  if (!lifetime.has_value()) lifetime = LifetimeUntil(members.expires_at, now);
  if (!lifetime.has_value()) lifetime = LifetimeOf(members.expires_in_sec, TimeUnit::kSeconds, now);
  // Where a rule names another place, the unit is of that one.
  const TimeUnit unit = rules.expires_in.empty() ? rules.expires_in_unit : TimeUnit::kSeconds;
  if (!lifetime.has_value()) lifetime = LifetimeOf(members.plain_expires_in, unit, now);
  if (!lifetime.has_value()) lifetime = LifetimeUntil(members.plain_expires_at, now);
  return lifetime;
}

std::optional<absl::Duration> RefreshTokenLifetime(const ResponseRules& rules,
                                                   const Members& members, absl::Time now) {
  auto lifetime = LifetimeOf(members.refresh_expires_in, rules.expires_in_unit, now);
  if (!lifetime.has_value()) lifetime = LifetimeUntil(members.refresh_expires_at, now);
  for (const AnswerMember& member : members.plain_refresh_expires_in) {
    if (!lifetime.has_value()) lifetime = LifetimeOf(member, TimeUnit::kSeconds, now);
  }
  if (!lifetime.has_value()) lifetime = LifetimeUntil(members.plain_refresh_expires_at, now);
  return lifetime;
}

// Never a token, wherever it stands.
broker::TokenProperties Properties(const ResponseRules& rules, std::string_view json,
                                   const broker::Granted& granted) {
  broker::TokenProperties properties;
  for (const std::string& path : rules.expose) {
    AnswerMember member;
    const WantedMember wanted[] = {{path, &member}};
    ReadMembers(json, wanted);
    const Secret text = member.AnyText();
    const bool token = text == granted.access_token ||
                       (granted.refresh_token.has_value() && text == *granted.refresh_token);
    if (token || !IsPrintable(text.Reveal(), kMaxPropertySize)) continue;
    properties.emplace(path, std::string(text.Reveal()));
  }
  return properties;
}

}  // namespace

bool IsToken(std::string_view text) { return IsPrintable(text, kMaxTokenSize); }

TokenResponse ParseTokenResponse(const ResponseRules& rules, const Secret& body, absl::Time now) {
  Members members;
  if (!ReadAll(rules, body.Reveal(), members)) return Unusable{"not a JSON object"};
  const Secret code = members.error.Text();
  if (!code.empty()) {
    const std::string_view text = code.Reveal();
    if (text.size() > kMaxNameSize || !std::all_of(text.begin(), text.end(), IsNqschar)) {
      return Unusable{"malformed error"};
    }
    return ErrorCode{std::string(text)};
  }
  if (members.access_token.is_null()) return Unusable{"no access token"};
  broker::Granted granted;
  granted.access_token = members.access_token.Text();
  if (!IsToken(granted.access_token.Reveal())) return Unusable{"malformed access token"};
  Secret refresh_token = members.refresh_token.Text();
  const bool omitted =
      members.refresh_token.is_null() ||
      (members.refresh_token.kind == AnswerMember::Kind::kString && refresh_token.empty());
  if (!omitted && !IsToken(refresh_token.Reveal())) return Unusable{"malformed refresh token"};

  if (!omitted) granted.refresh_token = std::move(refresh_token);
  granted.token_type = TokenType(rules, members.token_type);
  if (const Secret scope = members.scope.Text(); IsPrintable(scope.Reveal(), kMaxScopeSize)) {
    granted.scope = std::string(scope.Reveal());
  }
  granted.expires_in = Lifetime(rules, members, now);
  if (!granted.expires_in.has_value()) {
    const auto expiry = JwtExpiry(granted.access_token.Reveal());
    if (expiry.has_value() && *expiry > now) {
      granted.expires_in = std::min(*expiry - now, kLongestLifetime);
    }
  }
  granted.refresh_token_lifetime = RefreshTokenLifetime(rules, members, now);
  granted.properties = Properties(rules, body.Reveal(), granted);
  return granted;
}

std::optional<absl::Duration> ToldLifetime(const ResponseRules& rules, const Secret& body,
                                           absl::Time now) {
  Members members;
  if (!ReadAll(rules, body.Reveal(), members)) return std::nullopt;
  return Lifetime(rules, members, now);
}

}  // namespace token_service::oauth
