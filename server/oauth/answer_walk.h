#pragma once

#include <cstddef>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "server/oauth/json_scanner.h"

namespace token_service::oauth {

// One step into an answer: the member of an object, or the element of a list.
struct Step {
  std::string_view name;  // As in JsonScanner. Of an element: empty.
  size_t index = 0;       // Its place, from 0.
  bool in_object = false;
};

enum class ValueKind { kObject, kList, kString, kScalar };

// A value of an answer, wherever it stands.
struct WalkedValue {
  absl::Span<const Step> path;  // From the outermost; empty: the answer itself.
  ValueKind kind = ValueKind::kString;
  std::string_view raw;  // As in JsonScanner; of an object or a list: empty.
  bool whole = true;     // Not: the text ended within this string.
};

// Shows every value of the answer in its order, an object or a list before what is in it; as far as
// it can be read. How that ended: kEnd, kCut or kBroken.
JsonScanner::Event WalkAnswer(std::string_view body,
                              absl::FunctionRef<void(const WalkedValue&)> visit);

}  // namespace token_service::oauth
