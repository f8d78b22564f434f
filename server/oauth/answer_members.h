#pragma once

#include <optional>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "server/base/secret.h"
#include "server/oauth/answer_walk.h"

namespace token_service::oauth {

// One value of an answer, found where it lies. An object or a list is kOther: nothing of them is
// read.
struct AnswerMember {
  enum class Kind { kAbsent, kString, kScalar, kOther };
  Kind kind = Kind::kAbsent;
  std::string_view raw;

  bool is_null() const { return kind == Kind::kAbsent || (kind == Kind::kScalar && raw == "null"); }
  // Empty: it is no string, or an empty one.
  Secret Text() const;
  // What a string or a scalar reads as. Empty: it is neither, or null.
  Secret AnyText() const;
  // A number, or a string that is one.
  std::optional<double> Number() const;
};

// A member that is wanted, at a path (answer_path.h). Of several there the last counts.
struct WantedMember {
  std::string_view path;  // Empty: nowhere.
  AnswerMember* into;
};

// False: it is no JSON object, or not all of one.
bool ReadMembers(std::string_view body, absl::Span<const WantedMember> wanted);

// Shows the strings of an answer that stand in at most three objects and lists, in their order; of
// an answer that is no JSON, the answer.
void ForEachString(std::string_view body, absl::FunctionRef<void(const WalkedValue&)> visit);

}  // namespace token_service::oauth
