#pragma once

#include <token/v1/token_service.grpc.pb.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/api/api_error.h"
#include "server/api/caller.h"
#include "server/api/token_service.h"
#include "server/broker/token_issuer.h"
#include "server/broker/token_watchers.h"

namespace token_service::api {

// One WatchAccessToken stream: the current token, then each newer one. A reader that is slow gets
// the newest when it is ready, never a queue. Keeps itself alive until gRPC and the watchers are
// both done with it.
class WatchAccessTokenCall final : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                                   public broker::TokenWatchers::Watcher,
                                   public broker::TokenIssuer::Waiter {
 public:
  // Begins at once. gRPC calls nothing of it before it has been returned from the method.
  static WatchAccessTokenCall* Start(const TokenServiceParts& parts,
                                     grpc::CallbackServerContext& context, Caller caller,
                                     std::string credential);

  // broker::TokenWatchers::Watcher
  void OnToken(const broker::AccessTokenPtr& token) override;
  void OnEnd(const broker::Refusal& refusal) override;
  void OnReview() override;
  broker::SharedPlaces::Holder holder() const override { return holder_; }

  // broker::TokenIssuer::Waiter: the first token.
  void OnAnswer(broker::TokenAnswer answer) override;

  // grpc::ServerWriteReactor
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  WatchAccessTokenCall(const TokenServiceParts& parts, grpc::CallbackServerContext& context,
                       Caller caller, std::string credential)
      : parts_(parts),
        context_(context),
        caller_(std::move(caller)),
        credential_(std::move(credential)),
        holder_(caller_.holder(parts.policy)) {}

  void Begin();
  bool MayUse() const;
  // Takes it out wherever it waits for tokens.
  void Leave();
  void LeaveIssuer();
  void End(ApiError why);
  // Has been there for as long as it may.
  void OnAged(const std::shared_ptr<WatchAccessTokenCall>& self);
  // Writes the newest token or finishes, if it is time for either. At most one write is out;
  // nothing follows Finish.
  void Proceed();

  const TokenServiceParts& parts_;
  grpc::CallbackServerContext& context_;  // Until Finish.
  const Caller caller_;
  const std::string credential_;
  const broker::SharedPlaces::Holder holder_;
  std::shared_ptr<WatchAccessTokenCall> self_;  // Until OnDone.
  grpc::ByteBuffer response_;                   // While it is out.
  TimerQueue::TimerId aging_ = 0;               // From Begin to OnDone.

  absl::Mutex mutex_;
  broker::AccessTokenPtr next_ ABSL_GUARDED_BY(mutex_);
  uint64_t sent_generation_ ABSL_GUARDED_BY(mutex_) = 0;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;  // For the first token, with the issuer.
  std::optional<ApiError> end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace token_service::api
