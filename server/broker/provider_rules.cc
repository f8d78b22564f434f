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

ProviderRulesPtr::ProviderRulesPtr() : rules_(Rfc6749()) {}

}  // namespace token_service::broker
