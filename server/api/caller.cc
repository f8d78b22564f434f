#include "server/api/caller.h"

#include <grpc/grpc_security.h>
#include <grpc/grpc_security_constants.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/authz/caller_identity.h"
#include "server/base/absl_view.h"
#include "server/net/peer_user.h"

namespace token_service::api {
namespace {

struct ShownCertificate {
  authz::CertificateNames names;
  std::string_view pem;
  std::string_view chain;  // PEM as well; empty after a resumed handshake.
};

// gRPC has verified the certificate by then: it asks for one only to verify it.
ShownCertificate CertificateOf(const grpc_auth_context* connection) {
  ShownCertificate shown;
  authz::CertificateNames& names = shown.names;
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
    } else if (name == GRPC_X509_PEM_CERT_PROPERTY_NAME) {
      shown.pem = value;
    } else if (name == GRPC_X509_PEM_CERT_CHAIN_PROPERTY_NAME) {
      shown.chain = value;
    }
  }
  return shown;
}

}  // namespace

void Caller::Release::operator()(grpc_auth_context* context) const {
  grpc_auth_context_release(context);
}

Caller::Caller(grpc::CallbackServerContext& context, const ListenerInfo& listener)
    : kind_(listener.kind) {
  if (listener.identity.has_value()) {
    identity_ = *listener.identity;
    if (kind_ != telemetry::CallerKind::kUnix) return;
    socket_ = *identity_;
    if (listener.policy == nullptr) return;
    const authz::AccessPolicy& policy = listener.policy->Look();
    if (policy.names_users()) IdentifyUser(context, policy);
    return;
  }
  // The C function: grpc::AuthContext allocates for itself and for each look at it.
  connection_.reset(grpc_call_auth_context(context.c_call()));
  if (connection_ == nullptr) return;
  const ShownCertificate shown = CertificateOf(connection_.get());
  identity_ = authz::IdentityOf(shown.names);
  if (!identity_.has_value()) return;
  proof_ = listener.proof;
  certificate_ = shown.pem;
  chain_ = shown.chain;
}

// A string of its own: only where an entry asks for users.
void Caller::IdentifyUser(grpc::CallbackServerContext& context, const authz::AccessPolicy& policy) {
  RememberUser(context);
  identity_ = IdentityBy(policy);
}

void Caller::RememberUser(const grpc::CallbackServerContext& context) {
  if (socket_.empty() || user_ != nullptr) return;
  const std::optional<uint32_t> user = net::UserOf(context.peer());
  if (!user.has_value()) return;
  user_ = std::make_unique<std::string>(
      absl::StrCat(AbslView(socket_), AbslView(authz::kUidSuffix), *user));
}

std::optional<std::string_view> Caller::IdentityBy(const authz::AccessPolicy& policy) const {
  if (user_ != nullptr && policy.Names(*user_)) return *user_;
  return socket_.empty() ? identity_ : socket_;
}

std::string Caller::PeerOf(const grpc::CallbackServerContext& context) const {
  const std::string peer = context.peer();
  if (socket_.empty()) return peer;
  const std::optional<uint32_t> user = net::UserOf(peer);
  if (!user.has_value()) return std::string(socket_);
  return absl::StrCat(AbslView(socket_), AbslView(authz::kUidSuffix), *user);
}

}  // namespace token_service::api
