#pragma once

#include <string_view>

namespace token_service::oauth {

// What the name of a member says about its value, whoever's dialect it is in.
enum class NameSays {
  kRefreshToken,  // `refresh_token`, `newRefreshToken`, "refresh-token", `rt`, `refresh`.
  kToken,         // `access_token`, `jwt`, `session`, `client_secret`.
  kNoToken,       // `refresh_token_expires_in`, `token_type`, `request_id`, `message`.
  kNothing,
};
NameSays WhatNameSays(std::string_view name);

// Whether a text that stands under such a name may be a token: no sentence, no word that answers
// use about tokens (`required`, `expired`), no mask (`***`). Under a name that says nothing it has
// to look like one: 16 characters or more without a space, and no address of something.
bool MayBeToken(NameSays name, std::string_view text);

// Whether it is named like a token by chance only: short enough and made of words, so that it may
// be shown to an operator. A token that somebody used as a name is not.
bool IsHarmlessName(std::string_view name);

}  // namespace token_service::oauth
