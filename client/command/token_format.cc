#include "client/command/token_format.h"

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

}  // namespace token_service::client
