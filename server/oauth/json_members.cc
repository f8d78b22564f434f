#include "server/oauth/json_members.h"

#include <google/protobuf/util/json_util.h>

#include <string>

#include "absl/strings/ascii.h"
#include "server/base/secret.h"

namespace token_service::oauth {
namespace {

// More than any token endpoint needs. The parser takes lists of any depth, in a time that grows
// with its square: 64 KiB of brackets would keep a worker busy for half a minute.
constexpr int kMaxDepth = 32;

constexpr char kDelete = '\x7f';

bool IsSurrogateEscape(std::string_view text) {
  constexpr std::string_view kSecondDigits = "89abcdefABCDEF";
  return text.size() >= 6 && text[0] == '\\' && text[1] == 'u' &&
         absl::ascii_tolower(static_cast<unsigned char>(text[2])) == 'd' &&
         kSecondDigits.find(text[3]) != std::string_view::npos;
}

// One pass over what the parser will read, by its own idea of strings: it knows both quotes, and a
// quote where no string may begin ends its work. False: nested too deeply.
bool Tame(std::string& json) {
  int depth = 0;
  char quote = '\0';  // That of the string we are in.
  for (size_t at = 0; at < json.size(); ++at) {
    char& c = json[at];
    if ((static_cast<unsigned char>(c) & 0x80) != 0) {
      c = kDelete;
    } else if (quote != '\0') {
      if (c == quote) quote = '\0';
      if (c != '\\') continue;
      if (IsSurrogateEscape(std::string_view(json).substr(at))) json.replace(at, 6, "\\u007f");
      ++at;  // Whatever is escaped ends no string.
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxDepth) return false;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return true;
}

}  // namespace

bool ReadJsonMembers(std::string_view json, google::protobuf::Message& message) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (json.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    json.remove_prefix(kByteOrderMark.size());
  }
  std::string tamed(json);
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const bool parsed =
      Tame(tamed) && google::protobuf::util::JsonStringToMessage(tamed, &message, options).ok();
  WipeString(tamed);
  return parsed;
}

}  // namespace token_service::oauth
