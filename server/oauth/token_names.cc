#include "server/oauth/token_names.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "absl/strings/ascii.h"

namespace token_service::oauth {
namespace {

constexpr size_t kLongestName = 64;

// A name's words, in lower case: `newRefresh-token` has three. Those past the sixteenth are not
// looked at.
class Words {
 public:
  explicit Words(std::string_view name) {
    char before = '_';
    for (const char c : name.substr(0, kLongestName)) {
      if (!absl::ascii_isalnum(static_cast<unsigned char>(c))) {
        before = '_';
        continue;
      }
      const bool hump = absl::ascii_isupper(static_cast<unsigned char>(c)) &&
                        absl::ascii_islower(static_cast<unsigned char>(before));
      if (before == '_' || hump) {
        if (count_ == ends_.size()) return;
        ++count_;
      }
      text_[length_++] = absl::ascii_tolower(static_cast<unsigned char>(c));
      ends_[count_ - 1] = length_;
      before = c;
    }
  }

  size_t count() const { return count_; }
  std::string_view operator[](size_t i) const {
    const size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(text_.data(), length_).substr(begin, ends_[i] - begin);
  }
  // All of them, without what was between them.
  std::string_view joined() const { return {text_.data(), length_}; }

  template <size_t n>
  bool HasOneOf(const std::array<std::string_view, n>& wanted) const {
    for (size_t i = 0; i < count_; ++i) {
      if (std::find(wanted.begin(), wanted.end(), (*this)[i]) != wanted.end()) return true;
    }
    return false;
  }

 private:
  std::array<char, kLongestName> text_ = {};
  std::array<size_t, 16> ends_ = {};
  size_t length_ = 0;
  size_t count_ = 0;
};

constexpr std::array kAboutTokens = std::to_array<std::string_view>(
    {"expires", "expire",  "expired",   "expiry",      "expiration", "exp",       "expirein",
     "ttl",     "life",    "lifetime",  "max",         "age",        "type",      "scope",
     "scopes",  "id",      "hint",      "iat",         "issued",     "at",        "in",
     "url",     "uri",     "endpoint",  "path",        "supported",  "status",    "error",
     "errors",  "message", "msg",       "description", "count",      "limit",     "seconds",
     "date",    "time",    "timestamp", "created",     "updated",    "version",   "alg",
     "policy",  "enabled", "required",  "valid",       "validity",   "remaining", "reason",
     "detail",  "details", "title",     "host",        "email",      "locale",    "name",
     "usage",   "method",  "length",    "interval",    "family"});
constexpr std::array kTokenWords = std::to_array<std::string_view>(
    {"token", "tokens", "access", "accesstoken", "jwt", "secret", "key", "session", "sessiontoken",
     "ticket", "credential", "credentials", "grant", "bearer", "authtoken", "apikey"});
constexpr std::array kRefreshWords = std::to_array<std::string_view>(
    {"rt", "rtoken", "renewaltoken", "renewtoken", "rotatedtoken", "offlinetoken"});

constexpr std::array kWordsOfErrors = std::to_array<std::string_view>(
    {"required",      "invalid",     "expired",      "missing",       "revoked",       "blank",
     "unknown",       "null",        "none",         "undefined",     "nil",           "empty",
     "malformed",     "string",      "true",         "false",         "inactive",      "disabled",
     "redacted",      "[redacted]",  "hidden",       "masked",        "bearer",        "refresh",
     "refresh_token", "not_found",   "notfound",     "invalid_grant", "invalid_token", "isrequired",
     "rotated",       "used",        "already_used", "reused",        "deleted",       "forbidden",
     "unauthorized",  "not_allowed", "unsupported"});

bool SpeaksOfRefreshToken(const Words& words) {
  if (words.joined() == "refresh" || words.HasOneOf(kRefreshWords)) return true;
  return words.joined().find("refreshtoken") != std::string_view::npos;
}

// `refreshtokenexpiresin`, written as one word.
bool RunsOnAboutTokens(std::string_view joined) {
  const size_t at = joined.find("token");
  if (at == std::string_view::npos) return false;
  const std::string_view rest = joined.substr(at);
  for (const std::string_view word : {"expir", "ttl", "lifetime", "type", "scope", "hint"}) {
    if (rest.find(word) != std::string_view::npos) return true;
  }
  return false;
}

bool HasSpace(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); });
}

// Words and what is between them: people's language, no token.
bool IsSentence(std::string_view text) {
  if (text.find(' ') == std::string_view::npos) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalpha(static_cast<unsigned char>(c)) ||
           std::string_view(" .,:;!?'\"()_\n-").find(c) != std::string_view::npos;
  });
}

bool IsWordOfErrors(std::string_view text) {
  constexpr size_t kLongest = 16;
  if (text.size() > kLongest) return false;
  std::array<char, kLongest> lower;
  std::transform(text.begin(), text.end(), lower.begin(),
                 [](char c) { return absl::ascii_tolower(static_cast<unsigned char>(c)); });
  const std::string_view word(lower.data(), text.size());
  return std::find(kWordsOfErrors.begin(), kWordsOfErrors.end(), word) != kWordsOfErrors.end();
}

}  // namespace

NameSays WhatNameSays(std::string_view name) {
  const Words words(name);
  if (words.HasOneOf(kAboutTokens) || RunsOnAboutTokens(words.joined())) return NameSays::kNoToken;
  if (SpeaksOfRefreshToken(words)) return NameSays::kRefreshToken;
  if (words.HasOneOf(kTokenWords)) return NameSays::kToken;
  return NameSays::kNothing;
}

bool MayBeToken(NameSays name, std::string_view text) {
  constexpr size_t kLeastUnnamed = 16;
  if (name == NameSays::kNoToken) return false;
  if (absl::StripAsciiWhitespace(absl::string_view(text.data(), text.size())).empty()) return false;
  if (IsSentence(text) || IsWordOfErrors(text)) return false;
  if (text.find("***") != std::string_view::npos) return false;
  if (text.find("://") != std::string_view::npos) return false;
  return name != NameSays::kNothing || (text.size() >= kLeastUnnamed && !HasSpace(text));
}

bool IsHarmlessName(std::string_view name) {
  constexpr size_t kLongest = 32;
  constexpr int kMostDigits = 2;
  if (name.empty() || name.size() > kLongest) return false;
  int digits = 0;
  int capitals_in_a_word = 0;  // After its first letter.
  bool all_capitals = true;
  for (size_t i = 0; i < name.size(); ++i) {
    const auto c = static_cast<unsigned char>(name[i]);
    if (!absl::ascii_isalnum(c) && c != '_' && c != '-') return false;
    if (absl::ascii_isdigit(c)) ++digits;
    if (absl::ascii_islower(c)) all_capitals = false;
    if (i > 0 && absl::ascii_isupper(c) &&
        absl::ascii_isupper(static_cast<unsigned char>(name[i - 1]))) {
      ++capitals_in_a_word;
    }
  }
  return digits <= kMostDigits && (all_capitals || capitals_in_a_word <= 1);
}

}  // namespace token_service::oauth
