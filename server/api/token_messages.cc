#include "server/api/token_messages.h"

#include <utility>

#include "server/api/proto_time.h"

namespace token_service::api {

std::variant<broker::TokenRequest, ApiError> ToTokenRequest(const RequestFields& fields,
                                                            std::string credential) {
  broker::TokenRequest result{.credential = std::move(credential),
                              .rejected_generation = fields.rejected_generation};
  if (fields.min_validity.has_value()) {
    result.min_validity = FromProto(*fields.min_validity);
    const auto invalid = [&result](std::string_view message) {
      ApiError error = InvalidField("min_validity", message);
      error.credential = result.credential;
      return error;
    };
    if (!result.min_validity.has_value()) return invalid("not a valid google.protobuf.Duration");
    if (*result.min_validity < absl::ZeroDuration()) return invalid("must not be negative");
  }
  return result;
}

void ToProto(const broker::AccessToken& token, token::v1::GetAccessTokenResponse& response) {
  response.set_token_type(token.token_type);
  *response.mutable_expire_time() = ToProto(token.expire_time);
  response.set_scope(token.scope);
  response.set_credential(token.credential);
  response.set_generation(token.generation);
  response.mutable_properties()->insert(token.properties.begin(), token.properties.end());
}

}  // namespace token_service::api
