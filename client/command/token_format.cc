#include "client/command/token_format.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"

namespace token_service::client {

std::string FormatToken(const token::v1::GetAccessTokenResponse& response, TokenFormat format) {
  switch (format) {
    case TokenFormat::kToken:
      return response.access_token();
    case TokenFormat::kHeader:
      return absl::StrCat("Authorization: ", response.token_type(), " ", response.access_token());
    case TokenFormat::kJson:
      break;
  }
  std::string json;
  // Fails only on a timestamp out of range, which then is left out of sight with the rest.
  if (!google::protobuf::util::MessageToJsonString(response, &json).ok()) json = "{}";
  return json;
}

std::string FormatToken(const AccessToken& token, TokenFormat format) {
  token::v1::GetAccessTokenResponse response;
  response.set_access_token(std::string(token.Reveal()));
  response.set_token_type(token.token_type());
  response.mutable_expire_time()->set_seconds(absl::ToUnixSeconds(token.expire_time()));
  response.set_scope(token.scope());
  response.set_credential(token.credential());
  response.set_generation(token.generation());
  response.mutable_properties()->insert(token.properties().begin(), token.properties().end());
  return FormatToken(response, format);
}

bool IsPrintable(const token::v1::GetAccessTokenResponse& response) {
  for (const char c : response.access_token()) {
    if (!absl::ascii_isprint(static_cast<unsigned char>(c))) return false;
  }
  return !response.access_token().empty();
}

}  // namespace token_service::client
