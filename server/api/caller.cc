#include "server/api/caller.h"

#include <grpc/grpc_security.h>
#include <grpc/grpc_security_constants.h>

#include "server/authz/caller_identity.h"

namespace token_service::api {
namespace {

// gRPC has verified the certificate by then: it asks for one only to verify it.
authz::CertificateNames NamesOf(const grpc_auth_context* connection) {
  authz::CertificateNames names;
  grpc_auth_property_iterator all = grpc_auth_context_property_iterator(connection);
  while (const grpc_auth_property* const property = grpc_auth_property_iterator_next(&all)) {
    const std::string_view name = property->name;
    const std::string_view value(property->value, property->value_length);
    if (name == GRPC_PEER_URI_PROPERTY_NAME) {
      names.uris.push_back(value);
    } else if (name == GRPC_PEER_DNS_PROPERTY_NAME) {
      names.dns_names.push_back(value);
    } else if (name == GRPC_X509_CN_PROPERTY_NAME) {
      names.common_name = value;
    }
  }
  return names;
}

}  // namespace

void Caller::Release::operator()(grpc_auth_context* context) const {
  grpc_auth_context_release(context);
}

Caller::Caller(grpc::CallbackServerContext& context, const ListenerInfo& listener)
    : kind_(listener.kind) {
  if (listener.identity.has_value()) {
    identity_ = *listener.identity;
    return;
  }
  // The C function: grpc::AuthContext allocates for itself and for each look at it.
  connection_.reset(grpc_call_auth_context(context.c_call()));
  if (connection_ != nullptr) identity_ = authz::IdentityOf(NamesOf(connection_.get()));
}

}  // namespace token_service::api
