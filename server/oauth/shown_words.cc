#include "server/oauth/shown_words.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "absl/strings/ascii.h"

namespace token_service::oauth {
namespace {

constexpr size_t kMostShown = 200;
constexpr std::string_view kMask = "***";
constexpr size_t kLeastSecret = 8;  // Less of one is a word that is there by chance.
constexpr size_t kLeastToken = 12;
constexpr size_t kLongestWord = 20;

bool IsAlpha(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)); }
bool IsUpper(char c) { return absl::ascii_isupper(static_cast<unsigned char>(c)); }

bool IsOfToken(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("-._~+/=%").find(c) != std::string_view::npos;
}

// Letters and underscores, each word of one case but for its first letter; a full stop at its end.
bool IsWords(std::string_view run) {
  while (!run.empty() && run.back() == '.') run.remove_suffix(1);
  size_t length = 0;
  for (size_t i = 0; i < run.size(); ++i) {
    if (run[i] == '_') {
      length = 0;
      continue;
    }
    if (!IsAlpha(run[i]) || ++length > kLongestWord) return false;
    if (length > 2 && IsUpper(run[i]) != IsUpper(run[i - 1])) return false;
  }
  return true;
}

void MaskTokens(std::string_view text, std::vector<bool>& masked) {
  for (size_t begin = 0; begin < text.size();) {
    size_t end = begin;
    while (end < text.size() && IsOfToken(text[end])) ++end;
    const std::string_view run = text.substr(begin, end - begin);
    if (run.size() >= kLeastToken && !IsWords(run)) {
      std::fill(masked.begin() + static_cast<std::ptrdiff_t>(begin),
                masked.begin() + static_cast<std::ptrdiff_t>(end), true);
    }
    begin = end + 1;
  }
}

void MaskSecret(std::string_view text, std::string_view secret, std::vector<bool>& masked) {
  const size_t least = std::min(secret.size(), kLeastSecret);
  if (least == 0) return;
  for (size_t i = 0; i + least <= secret.size(); ++i) {
    const std::string_view part = secret.substr(i, least);
    for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) {
      std::fill_n(masked.begin() + static_cast<std::ptrdiff_t>(at), least, true);
    }
  }
}

std::vector<bool> Masked(std::string_view text, absl::Span<const Secret* const> secrets) {
  std::vector<bool> masked(text.size());
  MaskTokens(text, masked);
  for (const Secret* const secret : secrets) MaskSecret(text, secret->Reveal(), masked);
  return masked;
}

}  // namespace

std::string ShownWords(std::string_view text, absl::Span<const Secret* const> secrets) {
  const std::vector<bool> masked = Masked(text, secrets);
  std::string shown;
  shown.reserve(kMostShown);
  for (size_t i = 0; i < text.size(); ++i) {
    const bool again = i > 0 && masked[i - 1];
    if (masked[i] && again) continue;
    const size_t more = masked[i] ? kMask.size() : 1;
    if (shown.size() + more > kMostShown) break;
    if (masked[i]) {
      shown += kMask;
    } else {
      shown += text[i] >= 0x20 && text[i] <= 0x7e ? text[i] : ' ';
    }
  }
  return shown;
}

bool IsHarmless(std::string_view text, absl::Span<const Secret* const> secrets) {
  const std::vector<bool> masked = Masked(text, secrets);
  return std::find(masked.begin(), masked.end(), true) == masked.end();
}

}  // namespace token_service::oauth
