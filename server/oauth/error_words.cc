#include "server/oauth/error_words.h"

#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/absl_view.h"
#include "server/base/secret_buffer.h"
#include "server/oauth/answer_members.h"
#include "server/oauth/error_table.h"
#include "server/oauth/json_text.h"
#include "server/oauth/shown_words.h"
#include "server/oauth/token_names.h"

namespace token_service::oauth {
namespace {

using broker::ErrorMeaning;
using broker::ErrorRule;
using broker::ProviderError;

// Where dialects have a code, and where a sentence.
constexpr std::array<std::string_view, 8> kCodeNames = {
    "error", "errorType", "error_type", "errorCode", "error_code", "errorcode", "code", "type"};
constexpr std::array<std::string_view, 8> kSentenceNames = {
    "error_description", "errorDescription", "message", "error_message",
    "description",       "detail",           "msg",     "error"};

constexpr std::array<std::string_view, 4> kBusy = {"being processed", "already in progress",
                                                   "concurrent request", "concurrent refresh"};
constexpr std::array<std::string_view, 5> kThrottled = {"rate limit", "rate_limit", "ratelimit",
                                                        "too many requests", "throttled"};
// After "refresh token", and before it.
constexpr std::array<std::string_view, 6> kDeadAfter = {"invalid", "expired",   "revoked",
                                                        "unknown", "not valid", "not found"};

bool IsNamed(const WalkedValue& value, absl::Span<const std::string_view> names) {
  if (value.path.empty()) return false;
  const Step& step = value.path.back();
  return step.in_object && std::any_of(names.begin(), names.end(), [&step](std::string_view name) {
           return JsonTextIs(step.name, name);
         });
}

// The decoded text, in lower case. It may hold a secret.
Secret Lower(const WalkedValue& value) {
  const Secret text = DecodeJsonText(value.raw);
  SecretBuffer lower(text.size());
  for (const char c : text.Reveal())
    lower.Append(absl::ascii_tolower(static_cast<unsigned char>(c)));
  return lower.Take();
}

bool IsOfWord(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// The first of the table's codes that stands there as a word.
std::optional<std::string_view> CodeAmongWords(std::string_view text) {
  for (size_t begin = 0; begin < text.size();) {
    size_t end = begin;
    while (end < text.size() && IsOfWord(text[end])) ++end;
    const std::string_view word = text.substr(begin, end - begin);
    // What is a code and a word of English (`throttled`) says nothing here.
    if (word.find('_') != std::string_view::npos) {
      if (const auto code = KnownCode(word); code.has_value()) return code;
    }
    begin = end + 1;
  }
  return std::nullopt;
}

template <size_t kCount>
bool HasAny(std::string_view text, const std::array<std::string_view, kCount>& phrases) {
  return std::any_of(phrases.begin(), phrases.end(), [text](std::string_view phrase) {
    return text.find(phrase) != std::string_view::npos;
  });
}

// "refresh token is invalid", "Invalid refresh_token", "refresh token expired".
bool SaysRefreshTokenDead(std::string_view text) {
  for (const std::string_view noun : {"refresh token", "refresh_token", "refreshtoken"}) {
    const size_t at = text.find(noun);
    if (at == std::string_view::npos) continue;
    std::string_view after = text.substr(at + noun.size());
    for (const std::string_view filler :
         {" ", "is ", "has been ", "has ", "was ", "not found or "}) {
      if (after.substr(0, filler.size()) == filler) after.remove_prefix(filler.size());
    }
    const std::string_view before = text.substr(0, at);
    for (const std::string_view word : kDeadAfter) {
      if (after.substr(0, word.size()) == word) return true;
      const size_t tail = word.size() + 1;
      if (before.size() >= tail && before.substr(before.size() - tail, word.size()) == word) {
        return true;
      }
    }
  }
  return false;
}

bool AnyStringHas(std::string_view body, std::string_view lower) {
  bool found = false;
  ForEachString(body, [&](const WalkedValue& value) {
    if (!found) found = Lower(value).Reveal().find(lower) != std::string_view::npos;
  });
  return found;
}

bool MemberIs(std::string_view body, std::string_view path, std::string_view text) {
  AnswerMember member;
  const WantedMember wanted[] = {{path, &member}};
  ReadMembers(body, wanted);
  const Secret found = member.AnyText();
  // Null is told from what is not there by nobody's rule.
  return absl::EqualsIgnoreCase(AbslView(found.Reveal()), AbslView(text));
}

bool Fits(const ErrorRule& rule, int status, std::string_view body) {
  if (rule.status.has_value() && *rule.status != status) return false;
  if (!rule.path.empty() && !MemberIs(body, rule.path, rule.equals)) return false;
  if (rule.text.empty()) return true;
  return AnyStringHas(body, absl::AsciiStrToLower(rule.text));
}

}  // namespace

ErrorWords ReadErrorWords(std::string_view body, const std::optional<std::string>& error) {
  ErrorWords words;
  std::optional<std::string_view> named, among;
  ForEachString(body, [&](const WalkedValue& value) {
    const Secret text = Lower(value);
    if (!named.has_value() && IsNamed(value, kCodeNames)) named = KnownCode(text.Reveal());
    if (!IsNamed(value, kSentenceNames) && !value.path.empty()) return;
    if (!among.has_value()) among = CodeAmongWords(text.Reveal());
    words.busy = words.busy || HasAny(text.Reveal(), kBusy);
    words.throttled = words.throttled || HasAny(text.Reveal(), kThrottled);
    words.refresh_token_dead = words.refresh_token_dead || SaysRefreshTokenDead(text.Reveal());
  });
  const auto own = error.has_value() ? KnownCode(*error) : std::nullopt;
  if (const auto code = own.has_value() ? own : named.has_value() ? named : among) {
    words.known_code = std::string(*code);
  }
  return words;
}

std::optional<ErrorMeaning> FirstFitting(absl::Span<const ErrorRule> rules, int status,
                                         std::string_view body) {
  for (const ErrorRule& rule : rules) {
    if (Fits(rule, status, body)) return rule.means;
  }
  return std::nullopt;
}

ProviderError ShownError(int status, std::string_view body, const std::optional<std::string>& error,
                         absl::Span<const Secret* const> secrets) {
  Secret sentence, code;
  std::vector<Secret> tokens;
  ForEachString(body, [&](const WalkedValue& value) {
    if (value.path.empty()) return;
    Secret text = DecodeJsonText(value.raw);
    const bool named_error = JsonTextIs(value.path.back().name, "error");
    if (code.empty() && IsNamed(value, kCodeNames)) {
      code = text.Copy();
    } else if (sentence.empty() && !named_error && IsNamed(value, kSentenceNames)) {
      sentence = text.Copy();
    }
    const NameSays says = WhatNameSays(value.path.back().name);
    const bool token = says == NameSays::kRefreshToken || says == NameSays::kToken;
    if (token && MayBeToken(says, text.Reveal())) tokens.push_back(std::move(text));
  });
  std::vector<const Secret*> hidden(secrets.begin(), secrets.end());
  for (const Secret& token : tokens) hidden.push_back(&token);
  ProviderError shown{.http_status = status};
  shown.code = ShownWords(error.has_value() ? std::string_view(*error) : code.Reveal(), hidden);
  shown.description = ShownWords(sentence.Reveal(), hidden);
  return shown;
}

}  // namespace token_service::oauth
