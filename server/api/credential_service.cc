#include "server/api/credential_service.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "server/api/caller.h"
#include "server/api/credential_messages.h"
#include "server/api/operator_call.h"
#include "server/api/permission.h"
#include "server/api/permitted_page.h"

namespace token_service::api {
namespace {

using authz::Operating;
using broker::CredentialStatus;
using broker::MakeRefusal;
using broker::Reason;
using broker::Refusal;
using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;
using telemetry::Method;
using token::v1::Credential;

constexpr size_t kDefaultPage = 50;
constexpr size_t kMaxPage = 1000;

ServerUnaryReactor* FinishNow(CallbackServerContext* context, const grpc::Status& status) {
  ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(status);
  return reactor;
}

// Fills the response, or tells what to say instead.
std::optional<ApiError> Answer(const broker::CredentialRegistry::Outcome& outcome,
                               const std::string& name, Credential& response) {
  if (const auto* refusal = std::get_if<Refusal>(&outcome)) return FromRefusal(*refusal, name);
  ToProto(std::get<CredentialStatus>(outcome), response);
  return std::nullopt;
}

broker::CredentialRegistry::Outcome Look(const broker::CredentialRegistry& registry,
                                         const std::string& name) {
  std::optional<CredentialStatus> status = registry.Get(name);
  if (!status.has_value()) return MakeRefusal(Reason::kCredentialNotFound);
  return *std::move(status);
}

// Finishes a call with what became of a change. `response` lives until then.
broker::CredentialRegistry::Done FinishWith(ServerUnaryReactor* reactor, OperatorCall call,
                                            std::string name, Credential* response) {
  return [reactor, call = std::move(call), name = std::move(name),
          response](const broker::CredentialRegistry::Outcome& outcome) {
    const auto* const status = std::get_if<CredentialStatus>(&outcome);
    reactor->Finish(
        call.End(Answer(outcome, name, *response),
                 status != nullptr ? status->changes : std::vector<broker::FieldChange>()));
  };
}

// A call that waits for a refresh. Deletes itself in OnDone.
class RefreshCall final : public ServerUnaryReactor, public broker::TokenIssuer::Waiter {
 public:
  RefreshCall(const CredentialServiceParts& parts, OperatorCall call, std::string name,
              bool even_if_rejected, Credential* response)
      : parts_(parts),
        call_(std::move(call)),
        name_(std::move(name)),
        even_if_rejected_(even_if_rejected),
        response_(response) {}

  // gRPC delivers no OnCancel and no OnDone before the method has returned this reactor.
  void Start() { parts_.issuer.Refresh(name_, this, even_if_rejected_); }

  void OnAnswer(broker::TokenAnswer answer) override {
    const auto* const refusal = std::get_if<Refusal>(&answer);
    Finish(call_.End(refusal != nullptr ? FromRefusal(*refusal, name_)
                                        : Answer(Look(parts_.registry, name_), name_, *response_)));
  }

  // Whoever takes the waiter out finishes the call: here, or in OnAnswer.
  void OnCancel() override {
    if (parts_.issuer.Leave(name_, this)) Finish(call_.EndLeft());
  }

  void OnDone() override { delete this; }

 private:
  const CredentialServiceParts& parts_;
  const OperatorCall call_;
  const std::string name_;
  const bool even_if_rejected_;
  Credential* const response_;
};

}  // namespace

std::optional<ApiError> CredentialServiceImpl::Forbids(CallbackServerContext* context,
                                                       Operating what,
                                                       const std::string& credential) const {
  if (parts_.draining.load(std::memory_order_relaxed)) return ShuttingDown();
  const Caller caller(*context, listener_);
  const auto deny = [&](ApiError error) {
    if (parts_.denials == nullptr) return error;
    return parts_.denials->Judge(std::move(error), *context, caller);
  };
  if (!caller.identity().has_value()) return deny(CallerUnknown());
  if (!caller.proven()) return deny(CallerExpired());
  const authz::Rights* const rights = parts_.policy.Look().RightsOf(*caller.identity());
  if (rights == nullptr || rights->operating == Operating::kNothing) {
    return deny(OperatorRequired(credential));
  }
  if (rights->limiter != nullptr) {
    const auto wait = rights->limiter->Take(*caller.identity(), parts_.clock.Now());
    if (wait.has_value()) return CalledTooOften(*wait, credential);
  }
  if (rights->operating < what) return deny(ReadOnlyOperator(credential));
  return std::nullopt;
}

std::optional<ApiError> CredentialServiceImpl::ForbidsOf(CallbackServerContext* context,
                                                         Operating what,
                                                         const std::string& credential) const {
  if (auto error = Forbids(context, what, credential); error.has_value()) return error;
  const Caller caller(*context, listener_);
  const Permission permission = PermissionOf(parts_.policy, caller, credential);
  if (permission.may_use) return std::nullopt;
  ApiError denial = DenialOf(permission, credential);
  if (parts_.denials == nullptr) return denial;
  return parts_.denials->Judge(std::move(denial), *context, caller);
}

ServerUnaryReactor* CredentialServiceImpl::CreateCredential(
    CallbackServerContext* context, const token::v1::CreateCredentialRequest* request,
    Credential* response) {
  const std::string& name = request->credential().name();
  const OperatorCall call(parts_.observer, listener_, *context, Method::kCreateCredential, name);
  if (const auto error = ForbidsOf(context, Operating::kChanging, name)) {
    return FinishNow(context, call.End(*error));
  }
  ServerUnaryReactor* const reactor = context->DefaultReactor();
  parts_.registry.Create(FromProto(request->credential()),
                         FinishWith(reactor, call, name, response));
  return reactor;
}

ServerUnaryReactor* CredentialServiceImpl::GetCredential(
    CallbackServerContext* context, const token::v1::GetCredentialRequest* request,
    Credential* response) {
  const std::string& name = request->name();
  const OperatorCall call(parts_.observer, listener_, *context, Method::kGetCredential, name);
  if (const auto error = ForbidsOf(context, Operating::kReading, name)) {
    return FinishNow(context, call.End(*error));
  }
  if (const auto wrong = broker::CheckName(name)) {
    return FinishNow(context, call.End(FromRefusal(*wrong, "")));
  }
  return FinishNow(context, call.End(Answer(Look(parts_.registry, name), name, *response)));
}

ServerUnaryReactor* CredentialServiceImpl::ListCredentials(
    CallbackServerContext* context, const token::v1::ListCredentialsRequest* request,
    token::v1::ListCredentialsResponse* response) {
  const OperatorCall call(parts_.observer, listener_, *context, Method::kListCredentials, "");
  if (const auto error = Forbids(context, Operating::kReading, "")) {
    return FinishNow(context, call.End(*error));
  }
  if (request->page_size() < 0) {
    return FinishNow(context, call.End(InvalidField("page_size", "must not be negative")));
  }
  const std::optional<std::string> after =
      request->page_token().empty() ? std::string() : FromPageToken(request->page_token());
  if (!after.has_value()) {
    return FinishNow(context, call.End(InvalidField("page_token", "not a page token")));
  }
  const size_t page_size = request->page_size() == 0
                               ? kDefaultPage
                               : std::min(static_cast<size_t>(request->page_size()), kMaxPage);
  // One more than asked for tells whether there is another page.
  const Caller caller(*context, listener_);
  const auto policy = parts_.policy.Share().policy;
  const authz::Rights* const rights = policy->RightsOf(caller.identity().value_or(""));
  const std::vector<CredentialStatus> found =
      rights == nullptr ? std::vector<CredentialStatus>()
                        : PermittedPage(parts_.registry, *rights, *after, page_size + 1);
  for (const CredentialStatus& status : found) {
    if (static_cast<size_t>(response->credentials_size()) == page_size) {
      response->set_next_page_token(ToPageToken(response->credentials().rbegin()->name()));
      break;
    }
    ToProto(status, *response->add_credentials());
  }
  return FinishNow(context, call.End(std::nullopt));
}

ServerUnaryReactor* CredentialServiceImpl::UpdateCredential(
    CallbackServerContext* context, const token::v1::UpdateCredentialRequest* request,
    Credential* response) {
  const std::string& name = request->credential().name();
  const OperatorCall call(parts_.observer, listener_, *context, Method::kUpdateCredential, name);
  if (const auto error = ForbidsOf(context, Operating::kChanging, name)) {
    return FinishNow(context, call.End(*error));
  }
  auto change = FromProto(*request);
  if (auto* error = std::get_if<ApiError>(&change)) {
    return FinishNow(context, call.End(*error));
  }
  ServerUnaryReactor* const reactor = context->DefaultReactor();
  parts_.registry.Update(name, std::get<broker::ProfileChange>(std::move(change)),
                         FinishWith(reactor, call, name, response));
  return reactor;
}

ServerUnaryReactor* CredentialServiceImpl::ReplaceRefreshToken(
    CallbackServerContext* context, const token::v1::ReplaceRefreshTokenRequest* request,
    Credential* response) {
  const std::string& name = request->name();
  const OperatorCall call(parts_.observer, listener_, *context, Method::kReplaceRefreshToken, name);
  if (const auto error = ForbidsOf(context, Operating::kChanging, name)) {
    return FinishNow(context, call.End(*error));
  }
  ServerUnaryReactor* const reactor = context->DefaultReactor();
  parts_.registry.ReplaceRefreshToken(name, Secret(std::string_view(request->refresh_token())),
                                      FinishWith(reactor, call, name, response));
  return reactor;
}

ServerUnaryReactor* CredentialServiceImpl::RefreshCredential(
    CallbackServerContext* context, const token::v1::RefreshCredentialRequest* request,
    Credential* response) {
  const std::string& name = request->name();
  const OperatorCall call(parts_.observer, listener_, *context, Method::kRefreshCredential, name);
  if (const auto error = ForbidsOf(context, Operating::kChanging, name)) {
    return FinishNow(context, call.End(*error));
  }
  if (const auto wrong = broker::CheckName(name)) {
    return FinishNow(context, call.End(FromRefusal(*wrong, "")));
  }
  auto* const waiting = new RefreshCall(parts_, call, name, request->even_if_rejected(), response);
  waiting->Start();
  return waiting;
}

ServerUnaryReactor* CredentialServiceImpl::ReleaseCredential(
    CallbackServerContext* context, const token::v1::ReleaseCredentialRequest* request,
    Credential* response) {
  const std::string& name = request->name();
  const OperatorCall call(parts_.observer, listener_, *context, Method::kReleaseCredential, name);
  if (const auto error = ForbidsOf(context, Operating::kChanging, name)) {
    return FinishNow(context, call.End(*error));
  }
  ServerUnaryReactor* const reactor = context->DefaultReactor();
  parts_.registry.Release(name, FinishWith(reactor, call, name, response));
  return reactor;
}

ServerUnaryReactor* CredentialServiceImpl::DeleteCredential(
    CallbackServerContext* context, const token::v1::DeleteCredentialRequest* request,
    google::protobuf::Empty* /*response*/) {
  const std::string& name = request->name();
  const OperatorCall call(parts_.observer, listener_, *context, Method::kDeleteCredential, name);
  if (const auto error = ForbidsOf(context, Operating::kChanging, name)) {
    return FinishNow(context, call.End(*error));
  }
  ServerUnaryReactor* const reactor = context->DefaultReactor();
  parts_.registry.Delete(name, [reactor, call, name](const std::optional<Refusal>& refusal) {
    reactor->Finish(
        call.End(refusal.has_value() ? std::optional(FromRefusal(*refusal, name)) : std::nullopt));
  });
  return reactor;
}

// ---- kept answers

ServerUnaryReactor* CredentialServiceImpl::ListEvidence(
    CallbackServerContext* context, const token::v1::ListEvidenceRequest* request,
    token::v1::ListEvidenceResponse* response) {
  const std::string& name = request->name();
  const OperatorCall call(parts_.observer, listener_, *context, Method::kListEvidence, name);
  if (const auto error = ForbidsOf(context, Operating::kReading, name)) {
    return FinishNow(context, call.End(*error));
  }
  ServerUnaryReactor* const reactor = context->DefaultReactor();
  parts_.registry.ListEvidence(
      name,
      [reactor, call, name, response](const broker::CredentialRegistry::EvidenceOutcome& outcome) {
        const auto* const refusal = std::get_if<Refusal>(&outcome);
        if (refusal != nullptr) return reactor->Finish(call.End(FromRefusal(*refusal, name)));
        for (const auto& view :
             std::get<std::vector<broker::CredentialRegistry::EvidenceView>>(outcome)) {
          ToProto(view, *response->add_evidence());
        }
        reactor->Finish(call.End(std::nullopt));
      });
  return reactor;
}

ServerUnaryReactor* CredentialServiceImpl::AdoptEvidence(
    CallbackServerContext* context, const token::v1::AdoptEvidenceRequest* request,
    Credential* response) {
  const std::string& name = request->name();
  const OperatorCall call(parts_.observer, listener_, *context, Method::kAdoptEvidence, name);
  if (const auto error = ForbidsOf(context, Operating::kChanging, name)) {
    return FinishNow(context, call.End(*error));
  }
  ServerUnaryReactor* const reactor = context->DefaultReactor();
  parts_.registry.AdoptEvidence({.name = name,
                                 .evidence_id = request->evidence_id(),
                                 .refresh_token_path = request->refresh_token_path(),
                                 .access_token_path = request->access_token_path()},
                                FinishWith(reactor, call, name, response));
  return reactor;
}

ServerUnaryReactor* CredentialServiceImpl::DiscardEvidence(
    CallbackServerContext* context, const token::v1::DiscardEvidenceRequest* request,
    google::protobuf::Empty* /*response*/) {
  const std::string& name = request->name();
  const OperatorCall call(parts_.observer, listener_, *context, Method::kDiscardEvidence, name);
  if (const auto error = ForbidsOf(context, Operating::kChanging, name)) {
    return FinishNow(context, call.End(*error));
  }
  ServerUnaryReactor* const reactor = context->DefaultReactor();
  parts_.registry.DiscardEvidence(
      name, request->evidence_id(), [reactor, call, name](const std::optional<Refusal>& refusal) {
        reactor->Finish(call.End(refusal.has_value() ? std::optional(FromRefusal(*refusal, name))
                                                     : std::nullopt));
      });
  return reactor;
}

}  // namespace token_service::api
