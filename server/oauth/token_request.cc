#include "server/oauth/token_request.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "server/oauth/form_body.h"

namespace token_service::oauth {
namespace {

constexpr std::string_view kJwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

Secret BasicCredentials(const broker::CredentialSettings& settings, const Secret& secret) {
  constexpr std::string_view kScheme = "Basic ";
  const Secret id = EncodeFormValue(settings.client_id);
  const Secret password = EncodeFormValue(secret.Reveal());
  std::string pair;
  pair.reserve(id.size() + 1 + password.size());
  pair.append(id.Reveal()).append(":").append(password.Reveal());
  std::string encoded = absl::Base64Escape(absl::string_view(pair));
  std::string value;
  value.reserve(kScheme.size() + encoded.size());
  value.append(kScheme).append(encoded);
  WipeString(pair);
  WipeString(encoded);
  return Secret(std::move(value));
}

bool Has(const std::vector<FormField>& fields, std::string_view name) {
  return std::any_of(fields.begin(), fields.end(),
                     [name](const FormField& field) { return field.name == name; });
}

}  // namespace

http::HttpRequest MakeTokenRequest(const broker::CredentialSettings& settings,
                                   const Secret& refresh_token, const Secret& proof) {
  http::HttpRequest request;
  request.url = settings.token_endpoint;
  request.ca_file = settings.ca_file;
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                     {"Accept", "application/json"}};

  std::vector<FormField> fields = {{"grant_type", "refresh_token"},
                                   {"refresh_token", refresh_token.Reveal()}};
  switch (settings.client_auth) {
    case broker::ClientAuth::kNone:
      fields.push_back({"client_id", settings.client_id});
      break;
    case broker::ClientAuth::kClientSecretPost:
      fields.push_back({"client_id", settings.client_id});
      fields.push_back({"client_secret", proof.Reveal()});
      break;
    case broker::ClientAuth::kClientSecretBasic:
      request.authorization = BasicCredentials(settings, proof);
      break;
    case broker::ClientAuth::kPrivateKeyJwt:
      fields.push_back({"client_id", settings.client_id});
      fields.push_back({"client_assertion_type", kJwtBearer});
      fields.push_back({"client_assertion", proof.Reveal()});
      break;
  }
  if (!settings.scope.empty()) fields.push_back({"scope", settings.scope});
  for (const auto& [name, value] : settings.extra_parameters) {
    if (!Has(fields, name)) fields.push_back({name, value});
  }
  request.body = EncodeForm(fields);
  return request;
}

}  // namespace token_service::oauth
