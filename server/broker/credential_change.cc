#include "server/broker/credential_change.h"

namespace token_service::broker {
namespace {

const std::string& Name(const CreateCredential& change) { return change.record.name; }
template <typename Change>
const std::string& Name(const Change& change) {
  return change.name;
}

}  // namespace

const std::string& NameOf(const CredentialChange& change) {
  return std::visit([](const auto& one) -> const std::string& { return Name(one); }, change);
}

}  // namespace token_service::broker
