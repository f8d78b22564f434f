#include "server/api/token_messages.h"

#include <algorithm>
#include <utility>

#include "server/api/proto_time.h"

namespace token_service::api {

std::variant<broker::TokenRequest, ApiError> FromProto(
    const token::v1::GetAccessTokenRequest& request, std::string credential) {
  broker::TokenRequest result{.credential = std::move(credential),
                              .rejected_generation = request.rejected_generation()};
  if (request.has_min_validity()) {
    result.min_validity = FromProto(request.min_validity());
    if (!result.min_validity.has_value()) {
      return InvalidField("min_validity", "not a valid google.protobuf.Duration");
    }
    if (*result.min_validity < absl::ZeroDuration()) {
      return InvalidField("min_validity", "must not be negative");
    }
  }
  return result;
}

void ToProto(const broker::AccessToken& token, MonotonicTime now,
             token::v1::GetAccessTokenResponse& response) {
  const std::string_view value = token.value.Reveal();
  response.set_access_token(value.data(), value.size());
  response.set_token_type(token.token_type);
  *response.mutable_expires_in() = ToProto(std::max(token.expires - now, absl::ZeroDuration()));
  *response.mutable_expire_time() = ToProto(token.expire_time);
  response.set_scope(token.scope);
  response.set_credential(token.credential);
  response.set_generation(token.generation);
}

}  // namespace token_service::api
