#include "server/oauth/token_request.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "server/base/absl_view.h"
#include "server/oauth/form_body.h"
#include "server/oauth/json_text.h"

namespace token_service::oauth {
namespace {

constexpr std::string_view kAssertionGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
constexpr std::string_view kJwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

Secret BasicCredentials(const broker::CredentialSettings& settings, const Secret& secret) {
  constexpr std::string_view kScheme = "Basic ";
  const bool raw = settings.client_auth == broker::ClientAuth::kClientSecretBasicRaw;
  const Secret id =
      raw ? Secret(std::string_view(settings.client_id)) : EncodeFormValue(settings.client_id);
  const Secret password = raw ? secret.Copy() : EncodeFormValue(secret.Reveal());
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

// Names that differ in case are one header.
void SetHeader(http::HttpRequest& request, std::string_view name, std::string_view value) {
  for (auto& [known, old] : request.headers) {
    if (absl::EqualsIgnoreCase(known, AbslView(name))) {
      old = std::string(value);
      return;
    }
  }
  request.headers.emplace_back(std::string(name), std::string(value));
}

void Encode(const std::vector<FormField>& fields, broker::RequestRules::Body as,
            http::HttpRequest& request) {
  using Body = broker::RequestRules::Body;
  switch (as) {
    case Body::kForm:
      request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
      request.body = EncodeForm(fields);
      break;
    case Body::kJson:
      request.headers.emplace_back("Content-Type", "application/json");
      request.body = EncodeJsonObject(fields);
      break;
    case Body::kQuery:
      request.query = EncodeForm(fields);
      break;
  }
}

}  // namespace

std::vector<FormField> GrantFields(const broker::Presented& presented, const Secret& assertion) {
  if (std::holds_alternative<broker::PresentClient>(presented)) {
    return {{"grant_type", "client_credentials"}};
  }
  if (std::holds_alternative<broker::PresentAssertion>(presented)) {
    return {{"grant_type", kAssertionGrant}, {"assertion", assertion.Reveal()}};
  }
  return {{"grant_type", "refresh_token"}, {"refresh_token", RefreshTokenOf(presented).Reveal()}};
}

http::HttpRequest MakeTokenRequest(const broker::CredentialSettings& settings,
                                   std::vector<FormField> fields, const Secret& proof) {
  const broker::RequestRules& rules = settings.provider->request;
  http::HttpRequest request;
  request.url = settings.token_endpoint;
  request.ca_file = settings.ca_file;
  request.user_agent = rules.user_agent;
  request.timeout = settings.exchange_timeout;

  const auto name_client = [&] {
    if (rules.client_id_parameter.empty()) return;
    fields.push_back({rules.client_id_parameter, settings.client_id});
  };
  switch (settings.client_auth) {
    case broker::ClientAuth::kNone:
      name_client();
      break;
    case broker::ClientAuth::kClientSecretPost:
      name_client();
      fields.push_back({"client_secret", proof.Reveal()});
      break;
    case broker::ClientAuth::kClientSecretBasic:
    case broker::ClientAuth::kClientSecretBasicRaw:
      request.authorization = BasicCredentials(settings, proof);
      break;
    case broker::ClientAuth::kPrivateKeyJwt:
      name_client();
      fields.push_back({"client_assertion_type", kJwtBearer});
      fields.push_back({"client_assertion", proof.Reveal()});
      break;
  }
  if (!settings.scope.empty()) fields.push_back({"scope", settings.scope});
  for (const auto* parameters : {&settings.extra_parameters, &rules.parameters}) {
    for (const auto& [name, value] : *parameters) {
      if (!Has(fields, name)) fields.push_back({name, value});
    }
  }
  for (const auto& [name, value] : rules.secret_parameters) {
    if (!Has(fields, name)) fields.push_back({name, value.Reveal()});
  }
  Encode(fields, rules.body, request);
  request.headers.emplace_back("Accept", "application/json");
  for (const auto& [name, value] : rules.headers) SetHeader(request, name, value);
  for (const auto& [name, value] : rules.secret_headers) {
    const bool taken =
        absl::EqualsIgnoreCase(name, "Authorization") && !request.authorization.empty();
    if (taken) continue;
    request.secret_headers.emplace_back(name, value.Copy());
  }
  return request;
}

}  // namespace token_service::oauth
