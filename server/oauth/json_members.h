#pragma once

#include <google/protobuf/message.h>

#include <string_view>

namespace token_service::oauth {

// Reads a JSON object's members into `message`; others are ignored. False: not a JSON object. Why
// is not told: the parser's error text quotes the input.
//
// The parser is lenient (trailing commas, single quotes, the last of duplicate names), so whoever
// uses a member validates it. Bytes outside ASCII arrive as DEL, which no member may hold: that way
// a description in Latin-1 does not make an answer unreadable, and a token with such a byte is
// still refused.
bool ReadJsonMembers(std::string_view json, google::protobuf::Message& message);

}  // namespace token_service::oauth
