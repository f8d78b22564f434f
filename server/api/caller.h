#pragma once

#include <grpcpp/server_context.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/api/listener_info.h"
#include "server/authz/policy_in_force.h"
#include "server/broker/shared_places.h"
#include "server/telemetry/call_observer.h"

struct grpc_auth_context;

namespace token_service::api {

// Who makes a call: by the listener it came in by, or by the certificate of its connection. Cheap
// enough for every call: no lock, no allocation, nothing is copied.
class Caller {
 public:
  Caller(grpc::CallbackServerContext& context, const ListenerInfo& listener);

  // Nullopt: none that is acceptable (see authz::IdentityOf). Valid while this object is, and
  // `listener`.
  const std::optional<std::string_view>& identity() const { return identity_; }

  // For who waits or watches, since an entry for its user may come meanwhile. Allocates, on a unix
  // socket.
  void RememberUser(const grpc::CallbackServerContext& context);
  // By the entries there are now. Valid as long as identity().
  std::optional<std::string_view> IdentityBy(const authz::AccessPolicy& policy) const;

  // Whether what showed it shows it still: the certificate may have ended since, or its authority
  // be trusted no more. Always, where there is none.
  bool proven() const { return proof_ == nullptr || proof_->Holds(certificate_, chain_); }
  // To be called once the caller waits for something: a review is due when the proof ends.
  void NoteEnd() const {
    if (proof_ != nullptr) proof_->NoteEnd(proof_->GoodUntil(certificate_, chain_));
  }

  // Whose places it takes when it waits or watches.
  broker::SharedPlaces::Holder holder(const authz::PolicyInForce& policy) const {
    return policy.Look().tells_callers_apart() ? handle().hash : broker::SharedPlaces::kNobody;
  }

  // Where its connection comes from, for people. `context` is the call's.
  std::string PeerOf(const grpc::CallbackServerContext& context) const;

  // As metrics and audit know it. Valid as long.
  telemetry::CallerHandle handle() const {
    return telemetry::CallerHandle::Of(kind_, identity_.value_or(std::string_view()));
  }

 private:
  void IdentifyUser(grpc::CallbackServerContext& context, const authz::AccessPolicy& policy);

  struct Release {
    void operator()(grpc_auth_context* context) const;
  };

  // Of the connection. Holds the certificate's names.
  std::unique_ptr<grpc_auth_context, Release> connection_;
  std::string_view socket_;            // `unix:PATH`; empty: on no unix socket.
  std::unique_ptr<std::string> user_;  // `unix:PATH?uid=N`, where that is known.
  std::optional<std::string_view> identity_;
  telemetry::CallerKind kind_;
  const CertificateProof* proof_ = nullptr;  // Null: no certificate proves it.
  std::string_view certificate_;             // Both PEM, of connection_.
  std::string_view chain_;
};

}  // namespace token_service::api
