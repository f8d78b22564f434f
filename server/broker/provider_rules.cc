#include "server/broker/provider_rules.h"

namespace token_service::broker {
namespace {

std::shared_ptr<const ProviderRules> Rfc6749() {
  // Never destroyed: settings in a static may outlive it.
  static const auto& rules =
      *new std::shared_ptr<const ProviderRules>(std::make_shared<const ProviderRules>());
  return rules;
}

}  // namespace

ProviderRules ProviderRules::WithoutSecrets() const {
  ProviderRules rules;
  rules.name = name;
  rules.request.body = request.body;
  rules.request.client_id_parameter = request.client_id_parameter;
  rules.request.headers = request.headers;
  rules.request.user_agent = request.user_agent;
  rules.request.parameters = request.parameters;
  rules.response = response;
  rules.errors = errors;
  return rules;
}

ProviderRulesPtr::ProviderRulesPtr() : rules_(Rfc6749()) {}

}  // namespace token_service::broker
