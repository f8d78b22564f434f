#include "server/telemetry/call_observer.h"

#include "absl/hash/hash.h"
#include "server/telemetry/audit_log.h"

namespace token_service::telemetry {
namespace {

// A name is 63 bytes; what a stranger sends may be anything.
constexpr size_t kMostNameBytes = 256;

bool IsDenial(std::string_view code) {
  return code == "UNAUTHENTICATED" || code == "PERMISSION_DENIED";
}

}  // namespace

CallerHandle CallerHandle::Of(CallerKind kind, std::string_view identity) {
  return {.kind = kind, .identity = identity, .hash = absl::HashOf(identity)};
}

void CallObserver::AuditFirst(const CallerHandle& caller, TokenSource source,
                              std::string_view credential, uint64_t generation, Peer peer) {
  if (audit_ == nullptr) return;
  audit_->Write("token_issued", {{"caller", caller.identity},
                                 {"connection", CallerKindName(caller.kind)},
                                 {"peer", peer()},
                                 {"credential", credential},
                                 {"generation", generation},
                                 {"source", TokenSourceName(source)}});
}

void CallObserver::Ended(Method method, const CallerHandle& caller, std::string_view credential,
                         CredentialCalls* of, std::string_view code, std::string_view reason,
                         Peer peer) {
  calls_.CountEnded(method, caller.kind, reason);
  if (of != nullptr && code != "OK" && code != "CANCELLED") of->CountRefused(caller.kind);
  if (audit_ == nullptr || !IsDenial(code)) return;
  AuditDenial(method, caller, credential, code, reason, peer());
}

void CallObserver::OperatorCall(Method method, const CallerHandle& caller,
                                std::string_view credential, std::string_view code,
                                std::string_view reason, std::string_view changes,
                                std::string_view peer) {
  calls_.CountEnded(method, caller.kind, reason);
  if (audit_ == nullptr) return;
  if (IsDenial(code)) return AuditDenial(method, caller, credential, code, reason, peer);
  audit_->Write("operator_call", {{"caller", caller.identity},
                                  {"connection", CallerKindName(caller.kind)},
                                  {"peer", peer},
                                  {"method", MethodName(method)},
                                  {"credential", credential.substr(0, kMostNameBytes)},
                                  {"code", code},
                                  {"reason", reason},
                                  {"changes", changes}});
}

void CallObserver::AuditDenial(Method method, const CallerHandle& caller,
                               std::string_view credential, std::string_view code,
                               std::string_view reason, std::string_view peer) {
  if (!denials_.Admit({.caller = std::string(caller.identity),
                       .connection = CallerKindName(caller.kind),
                       .method = MethodName(method),
                       .reason = std::string(reason),
                       .peer = std::string(PeerHost(peer))})) {
    return;
  }
  audit_->Write("denied", {{"caller", caller.identity},
                           {"connection", CallerKindName(caller.kind)},
                           {"peer", peer},
                           {"method", MethodName(method)},
                           {"credential", credential.substr(0, kMostNameBytes)},
                           {"code", code},
                           {"reason", reason}});
}

void CallObserver::WriteRepeatedDenials(bool all) {
  if (audit_ == nullptr) return;
  for (const DenialFold::Repeats& repeats : denials_.Take(all)) {
    const DenialKind& kind = repeats.kind;
    audit_->Write("denied_repeats", {{"caller", kind.caller},
                                     {"connection", kind.connection},
                                     {"peer", kind.peer},
                                     {"method", kind.method},
                                     {"reason", kind.reason},
                                     {"count", repeats.count}});
  }
}

}  // namespace token_service::telemetry
