#include "server/oauth/client_assertion.h"

#include <google/protobuf/util/json_util.h>

#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/jose/signing_key.h"
#include "server/oauth/client_assertion.pb.h"

namespace token_service::oauth {
namespace {

std::string Encoded(const google::protobuf::Message& message) {
  std::string json;
  // These messages hold nothing that JSON could not.
  (void)google::protobuf::util::MessageToJsonString(message, &json);
  return absl::WebSafeBase64Escape(json);
}

absl::StatusOr<Secret> Sign(const broker::CredentialSettings& settings, const std::string& subject,
                            const std::string& audience, std::string_view jti, absl::Time now) {
  const broker::ClientKey& client_key = settings.client_key;
  const auto key = jose::SigningKey::FromPem(client_key.pem, client_key.algorithm);
  if (!key.ok()) return key.status();

  AssertionHeader header;
  header.set_alg(std::string(key->algorithm()));
  header.set_kid(client_key.key_id);
  AssertionClaims claims;
  claims.set_iss(settings.client_id);
  claims.set_sub(subject);
  claims.set_aud(audience.empty() ? settings.token_endpoint : audience);
  claims.set_jti(std::string(jti));
  claims.set_iat(static_cast<double>(absl::ToUnixSeconds(now)));
  claims.set_exp(static_cast<double>(absl::ToUnixSeconds(now + kAssertionLifetime)));

  std::string assertion = absl::StrCat(Encoded(header), ".", Encoded(claims));
  const absl::StatusOr<std::string> signature = key->Sign(assertion);
  if (!signature.ok()) return signature.status();
  absl::StrAppend(&assertion, ".", absl::WebSafeBase64Escape(*signature));
  return Secret(std::move(assertion));
}

}  // namespace

absl::StatusOr<Secret> MakeClientAssertion(const broker::CredentialSettings& settings,
                                           std::string_view jti, absl::Time now) {
  return Sign(settings, settings.client_id, settings.client_key.audience, jti, now);
}

absl::StatusOr<Secret> MakeGrantAssertion(const broker::CredentialSettings& settings,
                                          const broker::JwtBearerGrant& grant, std::string_view jti,
                                          absl::Time now) {
  const std::string& subject = grant.subject.empty() ? settings.client_id : grant.subject;
  return Sign(settings, subject, grant.audience, jti, now);
}

}  // namespace token_service::oauth
