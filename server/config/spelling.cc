#include "server/config/spelling.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/escaping.h"

namespace token_service::app {
namespace {

constexpr size_t kLongestShown = 60;

// Levenshtein's: letters to insert, drop or change.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string NearestWord(std::string_view word, const std::vector<std::string>& known) {
  if (word.size() > kLongestShown) return {};
  std::string best;
  size_t best_distance = std::min<size_t>(3, word.size() / 2 + 1);  // Less than this is close.
  for (const std::string& candidate : known) {
    const size_t distance = Distance(word, candidate);
    if (distance >= best_distance) continue;
    best = candidate;
    best_distance = distance;
  }
  if (!best.empty() || word.size() < 4) return best;
  // `refresh_token` for `refresh_token_file`: the beginning of exactly one.
  for (const std::string& candidate : known) {
    if (!candidate.starts_with(word)) continue;
    if (!best.empty()) return {};
    best = candidate;
  }
  return best;
}

std::string QuoteForError(std::string_view value) {
  const bool cut = value.size() > kLongestShown;
  // Every byte that is not ASCII escaped: a cut may have split a character.
  const std::string shown = absl::CHexEscape(std::string(value.substr(0, kLongestShown)));
  return "\"" + shown + (cut ? "…\"" : "\"");
}

}  // namespace token_service::app
