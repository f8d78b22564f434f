#include "server/oauth/token_response.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "server/base/absl_view.h"
#include "server/oauth/answer_walk.h"
#include "server/oauth/json_text.h"
#include "server/oauth/jwt.h"

namespace token_service::oauth {
namespace {

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

// A member of the answer. An object or a list is kOther: nothing of them is read.
struct Member {
  enum class Kind { kAbsent, kString, kScalar, kOther };
  Kind kind = Kind::kAbsent;
  std::string_view raw;

  bool is_null() const { return kind == Kind::kAbsent || (kind == Kind::kScalar && raw == "null"); }
  // Empty: it is no string, or an empty one.
  Secret Text() const { return kind == Kind::kString ? DecodeJsonText(raw) : Secret(); }
};

struct Members {
  Member access_token, token_type, expires_in, refresh_token, scope, error;
};

// False: no JSON object, or not all of one.
bool ReadMembers(std::string_view json, Members& members) {
  const std::pair<std::string_view, Member*> wanted[] = {
      {"access_token", &members.access_token},   {"token_type", &members.token_type},
      {"expires_in", &members.expires_in},       {"scope", &members.scope},
      {"refresh_token", &members.refresh_token}, {"error", &members.error}};
  bool object = false;
  const auto end = WalkAnswer(json, [&](const WalkedValue& value) {
    if (value.path.empty()) object = value.kind == ValueKind::kObject;
    if (value.path.size() != 1 || !value.path[0].in_object) return;
    for (const auto& [name, member] : wanted) {
      if (!JsonTextIs(value.path[0].name, name)) continue;
      member->kind = value.kind == ValueKind::kString   ? Member::Kind::kString
                     : value.kind == ValueKind::kScalar ? Member::Kind::kScalar
                                                        : Member::Kind::kOther;
      member->raw = value.raw;
    }
  });
  return object && end == JsonScanner::Event::kEnd;
}

std::string TokenType(const Member& member) {
  const Secret text = member.Text();
  if (!IsPrintable(text.Reveal(), kMaxNameSize)) return "Bearer";
  if (absl::EqualsIgnoreCase(AbslView(text.Reveal()), "bearer")) return "Bearer";
  return std::string(text.Reveal());
}

std::optional<double> Seconds(const Member& member) {
  if (member.kind == Member::Kind::kScalar) return JsonNumber(member.raw);
  double seconds = 0;
  const Secret text = member.Text();
  if (absl::SimpleAtod(AbslView(text.Reveal()), &seconds)) return seconds;
  return std::nullopt;
}

std::optional<absl::Duration> Lifetime(const Members& members, const Secret& access_token,
                                       absl::Time now) {
  if (const auto seconds = Seconds(members.expires_in);
      seconds.has_value() && std::isfinite(*seconds)) {
    // Not of the number: one that is positive may be less than any duration.
    const absl::Duration lifetime = absl::Seconds(*seconds);
    if (lifetime > absl::ZeroDuration()) return std::min(lifetime, kMaxLifetime);
  }
  if (const auto expiry = JwtExpiry(access_token.Reveal()); expiry.has_value() && *expiry > now) {
    return std::min(*expiry - now, kMaxLifetime);
  }
  return std::nullopt;
}

TokenResponse Judge(const Members& members, absl::Time now) {
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
      (members.refresh_token.kind == Member::Kind::kString && refresh_token.empty());
  if (!omitted && !IsToken(refresh_token.Reveal())) return Unusable{"malformed refresh token"};

  if (!omitted) granted.refresh_token = std::move(refresh_token);
  granted.token_type = TokenType(members.token_type);
  if (const Secret scope = members.scope.Text(); IsPrintable(scope.Reveal(), kMaxScopeSize)) {
    granted.scope = std::string(scope.Reveal());
  }
  granted.expires_in = Lifetime(members, granted.access_token, now);
  return granted;
}

}  // namespace

bool IsToken(std::string_view text) { return IsPrintable(text, kMaxTokenSize); }

TokenResponse ParseTokenResponse(const Secret& body, absl::Time now) {
  Members members;
  if (!ReadMembers(body.Reveal(), members)) return Unusable{"not a JSON object"};
  return Judge(members, now);
}

}  // namespace token_service::oauth
