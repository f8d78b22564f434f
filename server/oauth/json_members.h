#pragma once

#include <google/protobuf/message.h>

#include <string_view>

namespace token_service::oauth {

// Reads a JSON object's members into `message`; others are ignored. False: not a JSON object, or
// one that is nested more than 32 deep. Why is not told: the parser's error text quotes the input.
//
// The parser is lenient (trailing commas, single quotes, the last of duplicate names), so whoever
// uses a member validates it. Bytes outside ASCII and halves of surrogate pairs (`\ud83d`) arrive
// as DEL, which no member may hold: that way a description in Latin-1, or one cut in the middle of
// an emoji, does not make an answer unreadable, and a token with such a character is still refused.
bool ReadJsonMembers(std::string_view json, google::protobuf::Message& message);

}  // namespace token_service::oauth
