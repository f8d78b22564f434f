#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "server/base/clock.h"
#include "server/telemetry/call_labels.h"
#include "server/telemetry/call_metrics.h"
#include "server/telemetry/credential_calls.h"
#include "server/telemetry/denial_fold.h"
#include "server/telemetry/first_issues.h"

namespace token_service::telemetry {

class AuditLog;

// Who calls, as metrics and audit know it. Made once for a listener or a connection where it can
// be: it hashes the identity.
struct CallerHandle {
  static CallerHandle Of(CallerKind kind, std::string_view identity);

  CallerKind kind = CallerKind::kPlaintext;
  std::string_view identity;  // Empty: none that is acceptable. Outlives the handle.
  uint64_t hash = 0;
};

// Told of every call: counts it, and has the audit write down what is worth it. Any thread; no lock
// and no allocation where a token is handed out that its caller has already.
class CallObserver {
 public:
  // Where the connection comes from, as gRPC says it. Called only when a line is written.
  using Peer = absl::FunctionRef<std::string()>;

  // `outcomes`: see CallMetrics. `audit` outlives this object; null: none.
  CallObserver(std::span<const std::string_view> outcomes, AuditLog* audit,
               const Clock& clock = SystemClock())
      : calls_(outcomes), denials_({}, clock), audit_(audit) {}

  // A token is about to be handed out: the hot path. `credential` is the name of what `of` counts.
  void Issued(const CallerHandle& caller, TokenSource source, CredentialCalls& of,
              std::string_view credential, uint64_t generation, Peer peer) {
    calls_.CountIssued(caller.kind, source);
    of.CountIssued(caller.kind);
    if (first_issues_.Note(caller.hash, of.id(), generation)) [[unlikely]] {
      AuditFirst(caller, source, credential, generation, peer);
    }
  }

  // A call of TokenService has ended without a token, or a stream has ended. `code` and `reason` as
  // the caller is told; OK has the reason `OK`. `of`: null when there is no such credential.
  void Ended(Method method, const CallerHandle& caller, std::string_view credential,
             CredentialCalls* of, std::string_view code, std::string_view reason, Peer peer);

  // A call of CredentialService has ended. `changes`: what it changed, for people. `peer` as above,
  // taken when it came in.
  void OperatorCall(Method method, const CallerHandle& caller, std::string_view credential,
                    std::string_view code, std::string_view reason, std::string_view changes,
                    std::string_view peer);

  // Has the audit write down how often denials were repeated: each second or so, and, `all`, at the
  // end.
  void WriteRepeatedDenials(bool all);

  const CallMetrics& calls() const { return calls_; }

 private:
  void AuditFirst(const CallerHandle& caller, TokenSource source, std::string_view credential,
                  uint64_t generation, Peer peer);

  void AuditDenial(Method method, const CallerHandle& caller, std::string_view credential,
                   std::string_view code, std::string_view reason, std::string_view peer);

  CallMetrics calls_;
  FirstIssues first_issues_;
  DenialFold denials_;
  AuditLog* const audit_;
};

}  // namespace token_service::telemetry
