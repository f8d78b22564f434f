#include "server/authz/caller_identity.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "server/base/absl_view.h"

namespace token_service::authz {
namespace {

constexpr std::string_view kSpiffe = "spiffe://";
constexpr size_t kMaxSpiffeId = 2048;
constexpr size_t kMaxTrustDomain = 255;
constexpr size_t kMaxDnsName = 253;
constexpr size_t kMaxCommonName = 256;

bool IsNameCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_';
}

bool IsTrustDomain(std::string_view text) {
  return !text.empty() && text.size() <= kMaxTrustDomain &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return IsNameCharacter(c) && !absl::ascii_isupper(static_cast<unsigned char>(c));
         });
}

bool IsSegment(std::string_view text) {
  return !text.empty() && text != "." && text != ".." &&
         std::all_of(text.begin(), text.end(), IsNameCharacter);
}

// With a path: without one it names a trust domain, which is nobody.
bool IsSpiffeId(std::string_view id) {
  if (id.size() > kMaxSpiffeId || !id.starts_with(kSpiffe)) return false;
  std::string_view rest = id.substr(kSpiffe.size());
  size_t slash = rest.find('/');
  if (slash == std::string_view::npos || !IsTrustDomain(rest.substr(0, slash))) return false;
  while (slash != std::string_view::npos) {
    rest.remove_prefix(slash + 1);
    slash = rest.find('/');
    if (!IsSegment(rest.substr(0, slash))) return false;
  }
  return true;
}

bool IsDnsName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxDnsName && name != kAnonymous &&
         std::all_of(name.begin(), name.end(), IsNameCharacter);
}

bool IsCommonName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxCommonName && name != kAnonymous &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isprint(static_cast<unsigned char>(c)) && c != ':';
         });
}

}  // namespace

std::optional<std::string_view> IdentityOf(const CertificateNames& names) {
  const auto is_spiffe = [](std::string_view uri) {
    return absl::StartsWithIgnoreCase(AbslView(uri), "spiffe:");
  };
  std::string_view name;
  bool acceptable = false;
  if (std::any_of(names.uris.begin(), names.uris.end(), is_spiffe)) {
    name = names.uris.front();
    acceptable = names.uris.size() == 1 && IsSpiffeId(name);
  } else if (!names.dns_names.empty()) {
    name = names.dns_names.front();
    acceptable = IsDnsName(name);
  } else {
    name = names.common_name;
    acceptable = IsCommonName(name);
  }
  return acceptable ? std::optional(name) : std::nullopt;
}

bool IsWithoutTls(std::string_view identity) {
  return identity == kAnonymous || identity.starts_with(kUnixPrefix);
}

std::optional<SocketIdentity> ParseSocketIdentity(std::string_view identity) {
  if (!identity.starts_with(kUnixPrefix)) return std::nullopt;
  SocketIdentity parsed{.path = identity.substr(kUnixPrefix.size()), .uid = std::nullopt};
  const size_t suffix = parsed.path.rfind(kUidSuffix);
  if (suffix != std::string_view::npos) {
    const std::string_view digits = parsed.path.substr(suffix + kUidSuffix.size());
    uint32_t uid = 0;
    // As the kernel's number is written: no sign, no zero in front. The greatest means nobody.
    const bool plain = !digits.empty() && digits.size() <= 10 &&
                       digits.find_first_not_of("0123456789") == std::string_view::npos &&
                       (digits.size() == 1 || digits.front() != '0');
    if (!plain || !absl::SimpleAtoi(AbslView(digits), &uid) || uid == UINT32_MAX) {
      return std::nullopt;
    }
    parsed.uid = uid;
    parsed.path = parsed.path.substr(0, suffix);
  }
  if (parsed.path.empty()) return std::nullopt;
  return parsed;
}

bool IsKnownForm(std::string_view identity, bool below) {
  if (identity == kAnonymous) return !below;
  if (identity.starts_with(kUnixPrefix)) {
    const std::optional<SocketIdentity> socket = ParseSocketIdentity(identity);
    return socket.has_value() && !(below && socket->uid.has_value());
  }
  if (identity.starts_with(kSpiffe)) {
    // A trust domain by itself is nobody, and above everybody in it.
    return IsSpiffeId(identity) || (below && IsTrustDomain(identity.substr(kSpiffe.size())));
  }
  return IsCommonName(identity) || (!below && IsDnsName(identity));
}

}  // namespace token_service::authz
