#pragma once

#include <optional>
#include <string_view>

#include "server/base/secret.h"
#include "server/oauth/answer_walk.h"

namespace token_service::oauth {

// What an answer that cannot be used may hold. A reading of whatever came: whole, cut, over-long,
// JSON or not.
enum class MayHold {
  kNothing,       // A page, an empty object, an error in words: no string that could be a token.
  kToken,         // Something that could be a token.
  kRefreshToken,  // Something that is named like a refresh token and is not the one sent.
};

// At any depth, under any name that says so (token_names.h); in what could be read of it.
MayHold SurveyAnswer(std::string_view body, const Secret& sent);

// What one value of it may be.
MayHold SurveyMember(const WalkedValue& value, const Secret& sent);

// The refresh token that may be tried by itself: it stands where RFC 6749 has it (a string
// `refresh_token`, or the member at `path`, names joined by dots), is whole, well-formed, another
// than was sent, and stands there alone (no second one contradicts it). The place that a provider's
// rules name comes in here.
std::optional<Secret> CandidateIn(std::string_view body, const Secret& sent,
                                  std::string_view path = "refresh_token");

}  // namespace token_service::oauth
