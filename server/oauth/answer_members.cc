#include "server/oauth/answer_members.h"

#include <cstddef>

#include "absl/strings/numbers.h"
#include "server/base/absl_view.h"
#include "server/oauth/answer_path.h"
#include "server/oauth/json_text.h"

namespace token_service::oauth {
namespace {

constexpr size_t kDeepestWords = 3;

AnswerMember::Kind KindOf(ValueKind kind) {
  switch (kind) {
    case ValueKind::kString:
      return AnswerMember::Kind::kString;
    case ValueKind::kScalar:
      return AnswerMember::Kind::kScalar;
    case ValueKind::kObject:
    case ValueKind::kList:
      break;
  }
  return AnswerMember::Kind::kOther;
}

}  // namespace

Secret AnswerMember::Text() const { return kind == Kind::kString ? DecodeJsonText(raw) : Secret(); }

Secret AnswerMember::AnyText() const {
  if (kind == Kind::kScalar && !is_null()) return Secret(raw);
  return Text();
}

std::optional<double> AnswerMember::Number() const {
  if (kind == Kind::kScalar) return JsonNumber(raw);
  double number = 0;
  const Secret text = Text();
  if (absl::SimpleAtod(AbslView(text.Reveal()), &number)) return number;
  return std::nullopt;
}

bool ReadMembers(std::string_view body, absl::Span<const WantedMember> wanted) {
  bool object = false;
  const auto end = WalkAnswer(body, [&](const WalkedValue& value) {
    if (value.path.empty()) object = value.kind == ValueKind::kObject;
    for (const WantedMember& member : wanted) {
      if (member.path.empty() || !PathIs(value.path, member.path)) continue;
      member.into->kind = KindOf(value.kind);
      member.into->raw = value.raw;
    }
  });
  return object && end == JsonScanner::Event::kEnd;
}

void ForEachString(std::string_view body, absl::FunctionRef<void(const WalkedValue&)> visit) {
  bool values = false;
  WalkAnswer(body, [&](const WalkedValue& value) {
    values = true;
    if (value.kind == ValueKind::kString && value.path.size() <= kDeepestWords) visit(value);
  });
  if (!values) visit({.path = {}, .kind = ValueKind::kString, .raw = body});
}

}  // namespace token_service::oauth
