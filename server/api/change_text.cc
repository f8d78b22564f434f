#include "server/api/change_text.h"

#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace token_service::api {
namespace {

constexpr size_t kMostBytes = 256;

std::string Quoted(const std::string& value) {
  const bool cut = value.size() > kMostBytes;
  return absl::StrCat("\"", absl::Utf8SafeCEscape(value.substr(0, kMostBytes)),
                      cut ? "\"..." : "\"");
}

}  // namespace

std::string DescribeChanges(const std::vector<broker::FieldChange>& changes) {
  std::string text;
  for (const broker::FieldChange& change : changes) {
    absl::StrAppend(&text, text.empty() ? "" : "; ", change.field, ": ");
    if (!change.values.has_value()) {
      text += "changed";
    } else {
      absl::StrAppend(&text, Quoted(change.values->before), " -> ", Quoted(change.values->after));
    }
  }
  return text;
}

}  // namespace token_service::api
