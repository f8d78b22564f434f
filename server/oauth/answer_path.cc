#include "server/oauth/answer_path.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/base/absl_view.h"
#include "server/oauth/json_text.h"
#include "server/oauth/token_names.h"

namespace token_service::oauth {
namespace {

bool StepIs(const Step& step, std::string_view part) {
  size_t index = 0;
  if (!step.in_object) return absl::SimpleAtoi(AbslView(part), &index) && index == step.index;
  if (!part.empty() && part[0] == '#' && absl::SimpleAtoi(AbslView(part.substr(1)), &index)) {
    return index == step.index;
  }
  return JsonTextIs(step.name, part);
}

}  // namespace

bool PathIs(absl::Span<const Step> steps, std::string_view path) {
  for (size_t i = 0; i < steps.size(); ++i) {
    const size_t dot = path.find('.');
    const bool last = i + 1 == steps.size();
    if (last != (dot == std::string_view::npos)) return false;
    if (!StepIs(steps[i], path.substr(0, dot))) return false;
    if (!last) path.remove_prefix(dot + 1);
  }
  return !steps.empty();
}

std::string PathText(absl::Span<const Step> steps) {
  std::string text;
  for (const Step& step : steps) {
    if (!text.empty()) text += '.';
    if (!step.in_object) {
      absl::StrAppend(&text, step.index);
    } else if (IsHarmlessName(step.name)) {
      absl::StrAppend(&text, AbslView(step.name));
    } else {
      absl::StrAppend(&text, "#", step.index);
    }
  }
  return text;
}

std::optional<Secret> StringAt(std::string_view body, std::string_view path) {
  std::optional<Secret> found;
  WalkAnswer(body, [&](const WalkedValue& value) {
    if (!PathIs(value.path, path)) return;
    found.reset();
    if (value.kind == ValueKind::kString && value.whole) found = DecodeJsonText(value.raw);
  });
  return found;
}

}  // namespace token_service::oauth
