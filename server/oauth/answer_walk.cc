#include "server/oauth/answer_walk.h"

#include <array>

namespace token_service::oauth {

using Event = JsonScanner::Event;

JsonScanner::Event WalkAnswer(std::string_view body,
                              absl::FunctionRef<void(const WalkedValue&)> visit) {
  JsonScanner scanner(body);
  // steps[i] is into the i-th open object or list, counts[i] how many values that has had.
  std::array<Step, JsonScanner::kMaxDepth> steps;
  std::array<size_t, JsonScanner::kMaxDepth> counts = {};
  std::array<bool, JsonScanner::kMaxDepth> is_object = {};
  size_t depth = 0;
  const auto show = [&](ValueKind kind, bool whole) {
    if (depth > 0) {
      steps[depth - 1] = {scanner.name(), counts[depth - 1]++, is_object[depth - 1]};
    }
    visit({.path = absl::MakeConstSpan(steps.data(), depth),
           .kind = kind,
           .raw = scanner.raw(),
           .whole = whole});
  };
  for (;;) {
    const Event event = scanner.Next();
    switch (event) {
      case Event::kObject:
      case Event::kList:
        show(event == Event::kObject ? ValueKind::kObject : ValueKind::kList, true);
        counts[depth] = 0;
        is_object[depth++] = event == Event::kObject;
        break;
      case Event::kObjectEnd:
      case Event::kListEnd:
        --depth;
        break;
      case Event::kString:
      case Event::kScalar:
        show(event == Event::kString ? ValueKind::kString : ValueKind::kScalar, true);
        break;
      case Event::kCut:
        if (!scanner.raw().empty()) show(ValueKind::kString, false);
        return event;
      case Event::kEnd:
      case Event::kBroken:
        return event;
    }
  }
}

}  // namespace token_service::oauth
