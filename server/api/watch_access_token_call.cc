#include "server/api/watch_access_token_call.h"

#include <utility>
#include <variant>

#include "server/api/api_error.h"
#include "server/api/observation.h"
#include "server/api/permission.h"
#include "server/api/prepared_token.h"

namespace token_service::api {

using broker::AccessTokenPtr;
using broker::Refusal;

namespace {

constexpr auto kMethod = telemetry::Method::kWatchAccessToken;

}  // namespace

WatchAccessTokenCall* WatchAccessTokenCall::Start(const TokenServiceParts& parts,
                                                  grpc::CallbackServerContext& context,
                                                  Caller caller, std::string credential) {
  auto call = std::shared_ptr<WatchAccessTokenCall>(
      new WatchAccessTokenCall(parts, context, std::move(caller), std::move(credential)));
  call->self_ = call;
  call->Begin();
  return call.get();
}

void WatchAccessTokenCall::Begin() {
  // Before the first token is asked for, so that none falls between the two.
  if (const auto refusal = parts_.watchers.Add(credential_, self_); refusal.has_value()) {
    return End(FromRefusal(*refusal, credential_));
  }
  // A policy that came between the admission and this, or other authorities: nobody reviewed us.
  if (!MayUse()) return OnReview();
  caller_.NoteEnd();
  if (parts_.watch_age != nullptr) {
    aging_ = parts_.watch_age->EndLater([weak = std::weak_ptr<WatchAccessTokenCall>(self_)] {
      if (const auto self = weak.lock()) self->OnAged(self);
    });
  }
  {
    absl::MutexLock lock(&mutex_);
    waiting_ = true;
  }
  const broker::TokenRequest request{.credential = credential_, .caller = holder_};
  if (auto answer = parts_.issuer.TryGet(request); answer.has_value()) {
    OnAnswer(*std::move(answer));
  } else {
    parts_.issuer.Wait(request, this);
  }
}

void WatchAccessTokenCall::OnAnswer(broker::TokenAnswer answer) {
  {
    absl::MutexLock lock(&mutex_);
    waiting_ = false;
  }
  if (const auto* token = std::get_if<AccessTokenPtr>(&answer)) return OnToken(*token);
  // Whoever removes the watcher ends the stream.
  if (parts_.watchers.Remove(credential_, self_)) OnEnd(std::get<Refusal>(answer));
}

void WatchAccessTokenCall::OnToken(const AccessTokenPtr& token) {
  {
    absl::MutexLock lock(&mutex_);
    if (token->generation <= sent_generation_) return;
    if (next_ != nullptr && token->generation <= next_->generation) return;
    next_ = token;
  }
  Proceed();
}

void WatchAccessTokenCall::OnEnd(const Refusal& refusal) {
  const Permission permission = PermissionOf(parts_.policy, caller_, credential_);
  End(RefusalFor(permission, refusal, credential_));
}

void WatchAccessTokenCall::OnReview() {
  const Permission permission = PermissionOf(parts_.policy, caller_, credential_);
  if (permission.may_use) return caller_.NoteEnd();
  Leave();
  End(DenialOf(permission, credential_));
}

void WatchAccessTokenCall::OnAged(const std::shared_ptr<WatchAccessTokenCall>& self) {
  // Whoever removes the watcher ends the stream.
  if (!parts_.watchers.Remove(credential_, self)) return;
  LeaveIssuer();
  End({.code = grpc::OK});
}

bool WatchAccessTokenCall::MayUse() const {
  return PermissionOf(parts_.policy, caller_, credential_).may_use;
}

void WatchAccessTokenCall::End(ApiError why) {
  {
    absl::MutexLock lock(&mutex_);
    if (!end_.has_value()) end_ = std::move(why);
  }
  Proceed();
}

void WatchAccessTokenCall::Proceed() {
  // No token after the permission was withdrawn, even if the review is still on its way.
  const bool may_use = MayUse();
  std::optional<ApiError> end;
  AccessTokenPtr token;
  {
    absl::MutexLock lock(&mutex_);
    // A caller who left while waiting for the first token is still known to the issuer: OnAnswer
    // comes first.
    if (writing_ || finished_ || (end_.has_value() && waiting_)) return;
    if (end_.has_value()) {
      finished_ = true;
      end = std::move(end_);
    } else if (next_ != nullptr && may_use) {
      writing_ = true;
      sent_generation_ = next_->generation;
      token = std::move(next_);
      PreparedToken::Of(*token).WatchResponse(parts_.clock.Now()).Swap(&response_);
    } else {
      return;
    }
  }
  if (!end.has_value()) {
    ObserveToken(parts_, context_, caller_, telemetry::TokenSource::kWatch, *token);
    StartWrite(&response_);
  } else if (end->code == grpc::OK) {
    ObserveEnd(parts_, context_, kMethod, caller_, credential_);
    Finish(grpc::Status::OK);
  } else if (end->code == grpc::CANCELLED) {
    ObserveLeft(parts_, context_, kMethod, caller_, credential_);
    Finish(grpc::Status::CANCELLED);
  } else {
    ObserveRefusal(parts_, context_, kMethod, caller_, credential_, *end);
    Finish(ToGrpcStatus(*end));
  }
}

void WatchAccessTokenCall::OnWriteDone(bool /*ok*/) {
  {
    absl::MutexLock lock(&mutex_);
    response_.Clear();
    writing_ = false;
  }
  // A write fails only when the stream is broken, which OnCancel tells too: nothing is lost by
  // going on.
  Proceed();
}

void WatchAccessTokenCall::OnCancel() {
  Leave();
  End({.code = grpc::CANCELLED});
}

void WatchAccessTokenCall::Leave() {
  parts_.watchers.Remove(credential_, self_);
  LeaveIssuer();
}

void WatchAccessTokenCall::LeaveIssuer() {
  if (parts_.issuer.Leave(credential_, this)) {
    absl::MutexLock lock(&mutex_);
    waiting_ = false;
  }
}

void WatchAccessTokenCall::OnDone() {
  if (parts_.watch_age != nullptr) parts_.watch_age->Cancel(aging_);
  self_.reset();
}

}  // namespace token_service::api
