#include "server/oauth/answer_survey.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "server/base/absl_view.h"
#include "server/oauth/answer_path.h"
#include "server/oauth/answer_walk.h"
#include "server/oauth/json_text.h"
#include "server/oauth/token_names.h"
#include "server/oauth/token_response.h"

namespace token_service::oauth {
namespace {

constexpr size_t kLeastUnnamed = 16;
constexpr size_t kLongestName = 256;
constexpr int kLayers = 2;  // Of answers within the strings of answers.

bool IsTokenByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return absl::ascii_isalnum(byte) ||
         std::string_view("-._~+/=|%*:").find(c) != std::string_view::npos;
}

// `what` is in lower case.
bool ContainsIgnoreCase(std::string_view text, std::string_view what) {
  const auto same = [](char a, char b) {
    return absl::ascii_tolower(static_cast<unsigned char>(a)) == static_cast<unsigned char>(b);
  };
  return std::search(text.begin(), text.end(), what.begin(), what.end(), same) != text.end();
}

// Whether a form's value, with its percent signs, is `text`.
bool EqualsDecoded(std::string_view form, std::string_view text) {
  const auto hex = [](char c) {
    const auto digit = absl::ascii_tolower(static_cast<unsigned char>(c));
    return digit <= '9' ? digit - '0' : digit - 'a' + 10;
  };
  size_t at = 0;
  for (const char c : text) {
    if (at >= form.size()) return false;
    char got = form[at++];
    if (got == '%' && at + 2 <= form.size() &&
        absl::ascii_isxdigit(static_cast<unsigned char>(form[at])) &&
        absl::ascii_isxdigit(static_cast<unsigned char>(form[at + 1]))) {
      got = static_cast<char>(16 * hex(form[at]) + hex(form[at + 1]));
      at += 2;
    }
    if (got != c) return false;
  }
  return at == form.size();
}

// Whether `text` is what was sent, or as much of it as can be told: an echo that was shortened, the
// piece before a cut. A cut piece with which the token sent begins says no more than an answer that
// never came, and is weighed like one (docs/rotation.md).
bool IsSent(std::string_view text, bool whole, const Secret& sent) {
  constexpr size_t kLeastEcho = 6;
  const std::string_view known = sent.Reveal();
  if (text == known) return true;
  if (text.size() >= known.size() || known.substr(0, text.size()) != text) return false;
  return !whole || text.size() >= kLeastEcho;
}

// What the names on the way to a value say of it: its own, unless an object or list that it stands
// in is the one that is named (`{"refresh": {"token": …}}`).
NameSays WhatPathSays(absl::Span<const Step> path) {
  NameSays says = NameSays::kNothing;
  for (size_t i = 0; i < path.size(); ++i) {
    // What is longer names nothing.
    if (!path[i].in_object || path[i].name.size() > kLongestName) continue;
    const Secret decoded = DecodeJsonText(path[i].name);
    const NameSays own = WhatNameSays(decoded.Reveal());
    if (own == NameSays::kNothing) continue;
    // What a token is put into says nothing of its siblings that are about something else.
    const bool stays = says == NameSays::kRefreshToken && own == NameSays::kToken;
    if (!stays) says = own;
  }
  return says;
}

// ---- what is no JSON

bool IsPage(std::string_view body) {
  constexpr size_t kHead = 1024;
  std::string_view head = body.substr(0, kHead);
  const size_t begin = head.find_first_not_of(std::string_view(" \t\r\n\xEF\xBB\xBF", 7));
  if (begin == std::string_view::npos || head[begin] != '<') return false;
  head.remove_prefix(begin);
  return absl::StartsWithIgnoreCase(AbslView(head), "<!doctype html") ||
         ContainsIgnoreCase(head, "<html");
}

// Right after a name: `":"`, `=`, `>` and the like, then the value. Empty: there is none.
std::string_view ValueAfterName(std::string_view text) {
  size_t at = 0;
  const auto skip = [&](std::string_view these) {
    while (at < text.size() && these.find(text[at]) != std::string_view::npos) ++at;
  };
  skip("\\\"' \t\r\n");
  if (at == text.size() || std::string_view(":=>").find(text[at]) == std::string_view::npos)
    return {};
  ++at;
  skip("\\\"' \t\r\n");
  const size_t begin = at;
  while (at < text.size() && IsTokenByte(text[at])) ++at;
  return text.substr(begin, at - begin);
}

// `new_refresh_token=…`, `"rt": "…`, `<refresh_token>…`, wherever in the text.
bool NamesRefreshTokenInText(std::string_view text, const Secret& sent) {
  constexpr size_t kLeast = 6;
  for (size_t at = 0; at < text.size();) {
    const auto is_name = [&](size_t i) {
      const auto c = static_cast<unsigned char>(text[i]);
      return absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '.';
    };
    if (!is_name(at)) {
      ++at;
      continue;
    }
    size_t end = at;
    while (end < text.size() && is_name(end)) ++end;
    const std::string_view name = text.substr(at, end - at);
    at = end;
    if (name.size() > kLongestName || WhatNameSays(name) != NameSays::kRefreshToken) continue;
    const std::string_view value = ValueAfterName(text.substr(end));
    const bool whole = value.data() + value.size() != text.data() + text.size();
    if (value.size() >= kLeast && MayBeToken(NameSays::kRefreshToken, value) &&
        !IsSent(value, whole, sent) && !EqualsDecoded(value, sent.Reveal())) {
      return true;
    }
  }
  return false;
}

bool HoldsSomethingLikeAToken(std::string_view text) {
  size_t run = 0;
  bool nul = false;
  bool more = false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    nul = nul || byte == 0;
    more = more || (byte != 0 && !absl::ascii_isspace(byte));
    if (nul && more) return true;  // As below.
    if (byte == 0 || absl::ascii_isspace(byte)) {
      run = 0;
    } else if (byte < 0x20 || byte >= 0x7f) {
      return true;  // In an encoding that nobody here reads.
    } else if (IsTokenByte(c)) {
      if (++run >= kLeastUnnamed) return true;
    } else {
      run = 0;
    }
  }
  return ContainsIgnoreCase(text, "token");
}

MayHold SurveyText(std::string_view body, const Secret& sent) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (NamesRefreshTokenInText(body, sent)) return MayHold::kRefreshToken;
  if (IsPage(body)) return MayHold::kNothing;
  if (body.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    body.remove_prefix(kByteOrderMark.size());
  }
  return HoldsSomethingLikeAToken(body) ? MayHold::kToken : MayHold::kNothing;
}

// ---- JSON

MayHold Survey(std::string_view body, const Secret& sent, int layers);

// An answer that was put into a string, as gateways do.
bool IsPacked(std::string_view text) { return !text.empty() && (text[0] == '{' || text[0] == '['); }

MayHold SurveyString(const WalkedValue& value, const Secret& sent, int layers) {
  const Secret text = DecodeJsonText(value.raw);
  const NameSays says = WhatPathSays(value.path);
  const std::string_view trimmed = text.Reveal();
  if (IsPacked(trimmed) && layers > 0) return Survey(trimmed, sent, layers - 1);
  if (IsSent(trimmed, value.whole, sent) || !MayBeToken(says, trimmed)) return MayHold::kNothing;
  return says == NameSays::kRefreshToken ? MayHold::kRefreshToken : MayHold::kToken;
}

bool IsNumber(std::string_view raw) {
  return !raw.empty() && absl::ascii_isdigit(static_cast<unsigned char>(raw[0]));
}

MayHold SurveyValue(const WalkedValue& value, const Secret& sent, int layers) {
  if (value.kind == ValueKind::kString) return SurveyString(value, sent, layers);
  // A number under such a name is a token only where the rules would have one.
  if (value.kind != ValueKind::kScalar || !IsNumber(value.raw) || value.path.size() != 1) {
    return MayHold::kNothing;
  }
  switch (WhatPathSays(value.path)) {
    case NameSays::kRefreshToken:
      return value.raw == sent.Reveal() ? MayHold::kNothing : MayHold::kRefreshToken;
    case NameSays::kToken:
      return MayHold::kToken;
    case NameSays::kNoToken:
    case NameSays::kNothing:
      break;
  }
  return MayHold::kNothing;
}

MayHold Survey(std::string_view body, const Secret& sent, int layers) {
  MayHold most = MayHold::kNothing;
  const JsonScanner::Event end = WalkAnswer(body, [&](const WalkedValue& value) {
    if (most != MayHold::kRefreshToken) most = std::max(most, SurveyValue(value, sent, layers));
  });
  if (end == JsonScanner::Event::kBroken) most = std::max(most, SurveyText(body, sent));
  return most;
}

// Whether the string that ends before `rest` goes on as a value does. Where a quote was not escaped
// it ends too soon.
bool EndsAsAValue(std::string_view rest) {
  rest.remove_prefix(1);  // Its own quote.
  const size_t next = rest.find_first_not_of(std::string_view(" \t\r\n"));
  return next == std::string_view::npos ||
         std::string_view(",}]").find(rest[next]) != std::string_view::npos;
}

}  // namespace

MayHold SurveyAnswer(std::string_view body, const Secret& sent) {
  return Survey(body, sent, kLayers);
}

MayHold SurveyMember(const WalkedValue& value, const Secret& sent) {
  return SurveyValue(value, sent, kLayers);
}

std::optional<Secret> CandidateIn(std::string_view body, const Secret& sent,
                                  std::string_view path) {
  std::optional<Secret> found;
  bool alone = true;
  WalkAnswer(body, [&](const WalkedValue& value) {
    if (!PathIs(value.path, path)) return;
    if (value.kind != ValueKind::kString || !value.whole ||
        !EndsAsAValue(
            body.substr(static_cast<size_t>(value.raw.data() - body.data()) + value.raw.size()))) {
      alone = false;
      return;
    }
    Secret text = DecodeJsonText(value.raw);
    const bool is_sent = IsSent(text.Reveal(), true, sent);
    if (is_sent || IsPacked(text.Reveal()) || !IsToken(text.Reveal()) ||
        !MayBeToken(NameSays::kRefreshToken, text.Reveal())) {
      alone = alone && is_sent && !found.has_value();
      return;
    }
    if (found.has_value() && !(*found == text)) alone = false;
    found = std::move(text);
  });
  if (!alone) return std::nullopt;
  return found;
}

}  // namespace token_service::oauth
