#include "client/grpc/grpc_transport.h"

#include <atomic>
#include <map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/core/wipe.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/client_callback.h"
#include "token/v1/token_service.grpc.pb.h"
#include "token_service/decode_token_error.h"

namespace token_service::client {
namespace {

using token::v1::GetAccessTokenRequest;
using token::v1::GetAccessTokenResponse;
using token::v1::WatchAccessTokenRequest;
using token::v1::WatchAccessTokenResponse;

TokenAnswer TakeAnswer(GetAccessTokenResponse& response) {
  TokenAnswer answer;
  answer.expires_in = absl::Seconds(response.expires_in().seconds()) +
                      absl::Nanoseconds(response.expires_in().nanos());
  answer.token = AccessToken::Create(
      std::move(*response.mutable_access_token()),
      {.token_type = response.token_type(),
       .credential = response.credential(),
       .scope = response.scope(),
       .generation = response.generation(),
       .expire_time = absl::FromUnixSeconds(response.expire_time().seconds()) +
                      absl::Nanoseconds(response.expire_time().nanos()),
       .properties = {response.properties().begin(), response.properties().end()}});
  return answer;
}

}  // namespace

// One call under way.
class GrpcTransport::Call {
 public:
  virtual ~Call() = default;

  void Cancel() { context_.TryCancel(); }

 protected:
  grpc::ClientContext context_;
};

// Those under way, by their id. A call takes itself out as the last thing it does, and is destroyed
// later, by the source's thread: with it may go the last reference to its channel, and with that
// the completion queue of all callbacks, whose threads the destructor joins. On one of those
// threads, where calls end, that would be the end of the process.
class GrpcTransport::Calls {
 public:
  TransportSink* sink = nullptr;
  // A call has gone without an answer: the connection may be one of those that are dead and do not
  // know it.
  std::atomic<bool> connection_suspect = false;

  void Add(CallId id, std::shared_ptr<Call> call) {
    absl::MutexLock lock(&mutex_);
    calls_.emplace(id, std::move(call));
  }

  void Remove(CallId id) {
    absl::MutexLock lock(&mutex_);
    const auto found = calls_.find(id);
    ended_.push_back(std::move(found->second));
    calls_.erase(found);
  }

  // Destroys those that have ended. The source's thread.
  void Reap() {
    std::vector<std::shared_ptr<Call>> ended;
    absl::MutexLock lock(&mutex_);
    ended.swap(ended_);
  }

  void Cancel(CallId id) {
    std::shared_ptr<Call> call;
    {
      absl::MutexLock lock(&mutex_);
      if (const auto found = calls_.find(id); found != calls_.end()) call = found->second;
    }
    // gRPC may end the call here and now.
    if (call != nullptr) call->Cancel();
  }

  void CancelAll() {
    std::vector<CallId> ids;
    {
      absl::MutexLock lock(&mutex_);
      for (const auto& [id, call] : calls_) ids.push_back(id);
    }
    for (const CallId id : ids) Cancel(id);
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](std::map<CallId, std::shared_ptr<Call>>* calls) { return calls->empty(); }, &calls_));
  }

 private:
  absl::Mutex mutex_;
  std::map<CallId, std::shared_ptr<Call>> calls_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Call>> ended_ ABSL_GUARDED_BY(mutex_);
};

class GrpcTransport::WatchCall final : public Call,
                                       private grpc::ClientReadReactor<WatchAccessTokenResponse> {
 public:
  WatchCall(Calls& calls, CallId id, const std::shared_ptr<grpc::Channel>& channel)
      : calls_(calls), id_(id), stub_(token::v1::TokenService::NewStub(channel)) {}

  void Start(const std::string& credential) {
    request_.set_credential(credential);
    stub_->async()->WatchAccessToken(&context_, &request_, this);
    StartRead(&response_);
    StartCall();
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return;
    calls_.sink->OnToken(id_, TakeAnswer(*response_.mutable_token()));
    StartRead(&response_);
  }

  void OnDone(const grpc::Status& status) override {
    // OK as well: the stream is old enough, and another is to follow.
    calls_.sink->OnEnd(id_, DecodeTokenError(status));
    calls_.Remove(id_);
  }

  Calls& calls_;
  const CallId id_;
  const std::unique_ptr<token::v1::TokenService::Stub> stub_;
  WatchAccessTokenRequest request_;
  WatchAccessTokenResponse response_;
};

class GrpcTransport::GetCall final : public Call {
 public:
  GetCall(Calls& calls, CallId id, const std::shared_ptr<grpc::Channel>& channel)
      : calls_(calls), id_(id), stub_(token::v1::TokenService::NewStub(channel)) {}

  void Start(const std::string& credential, uint64_t rejected_generation, absl::Duration timeout) {
    context_.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
    request_.set_credential(credential);
    request_.set_rejected_generation(rejected_generation);
    stub_->async()->GetAccessToken(&context_, &request_, &response_,
                                   [this](grpc::Status status) { OnDone(status); });
  }

 private:
  void OnDone(const grpc::Status& status) {
    if (status.ok()) {
      calls_.sink->OnToken(id_, TakeAnswer(response_));
    } else {
      if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
        calls_.connection_suspect.store(true);
      }
      calls_.sink->OnEnd(id_, DecodeTokenError(status));
    }
    calls_.Remove(id_);
  }

  Calls& calls_;
  const CallId id_;
  const std::unique_ptr<token::v1::TokenService::Stub> stub_;
  GetAccessTokenRequest request_;
  GetAccessTokenResponse response_;
};

GrpcTransport::GrpcTransport(std::unique_ptr<ReloadingChannel> channel, std::string credential)
    : channel_(std::move(channel)),
      credential_(std::move(credential)),
      calls_(std::make_unique<Calls>()) {}

GrpcTransport::~GrpcTransport() = default;

void GrpcTransport::Attach(TransportSink& sink) { calls_->sink = &sink; }

void GrpcTransport::StartWatch(CallId id) {
  const auto call = std::make_shared<WatchCall>(*calls_, id, Channel());
  calls_->Add(id, call);
  call->Start(credential_);
}

void GrpcTransport::StartGet(CallId id, uint64_t rejected_generation, absl::Duration timeout) {
  const auto call = std::make_shared<GetCall>(*calls_, id, Channel());
  calls_->Add(id, call);
  call->Start(credential_, rejected_generation, timeout);
}

void GrpcTransport::Cancel(CallId id) { calls_->Cancel(id); }

void GrpcTransport::Shutdown() {
  calls_->CancelAll();
  calls_->Reap();
}

std::shared_ptr<grpc::Channel> GrpcTransport::Channel() {
  calls_->Reap();
  if (calls_->connection_suspect.exchange(false)) channel_->Abandon();
  return channel_->Current();
}

}  // namespace token_service::client
