#include "server/oauth/json_members.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "server/base/secret.h"

namespace token_service::oauth {

bool ReadJsonMembers(std::string_view json, google::protobuf::Message& message) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (json.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    json.remove_prefix(kByteOrderMark.size());
  }
  std::string ascii(json);
  std::replace_if(
      ascii.begin(), ascii.end(),
      [](char c) { return (static_cast<unsigned char>(c) & 0x80) != 0; }, '\x7f');
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const bool parsed = google::protobuf::util::JsonStringToMessage(ascii, &message, options).ok();
  WipeString(ascii);
  return parsed;
}

}  // namespace token_service::oauth
