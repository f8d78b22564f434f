#include "bench/watchers.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "token/v1/credential_service.grpc.pb.h"
#include "token/v1/token_service.grpc.pb.h"

namespace token_service::bench {
namespace {

using ::token::v1::CredentialService;
using ::token::v1::TokenService;

constexpr absl::Duration kConnectTimeout = absl::Seconds(10);

std::shared_ptr<grpc::Channel> Connect(const std::string& server) {
  grpc::ChannelArguments arguments;
  // Otherwise channels to one address share one connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(server, grpc::InsecureChannelCredentials(), arguments);
}

std::string Words(const grpc::Status& status) {
  return absl::StrFormat("code %d: %s", static_cast<int>(status.error_code()),
                         status.error_message());
}

}  // namespace

struct Watchers::Shared {
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  token::v1::WatchAccessTokenRequest request;
  std::atomic<uint64_t> wanted = 1;  // The least generation that counts as news.

  absl::Mutex mutex;
  int missing ABSL_GUARDED_BY(mutex) = 0;
  int open ABSL_GUARDED_BY(mutex) = 0;
  uint64_t newest ABSL_GUARDED_BY(mutex) = 0;
  std::vector<int64_t> arrivals_ns ABSL_GUARDED_BY(mutex);
  std::string error ABSL_GUARDED_BY(mutex);
};

class Watchers::Stream final : public grpc::ClientReadReactor<token::v1::WatchAccessTokenResponse> {
 public:
  Stream(Shared& shared, const std::shared_ptr<grpc::Channel>& channel)
      : shared_(shared), stub_(TokenService::NewStub(channel)) {}

  void Start() {
    stub_->async()->WatchAccessToken(&context_, &shared_.request, this);
    StartRead(&response_);
    StartCall();
  }
  void Cancel() { context_.TryCancel(); }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return;
    const int64_t now_ns = absl::GetCurrentTimeNanos();
    const uint64_t generation = response_.token().generation();
    if (generation >= shared_.wanted.load() && seen_ < shared_.wanted.load()) {
      absl::MutexLock lock(&shared_.mutex);
      --shared_.missing;
      shared_.newest = std::max(shared_.newest, generation);
      shared_.arrivals_ns.push_back(now_ns);
    }
    seen_ = generation;
    StartRead(&response_);
  }

  void OnDone(const grpc::Status& status) override {
    absl::MutexLock lock(&shared_.mutex);
    --shared_.open;
    if (status.error_code() != grpc::StatusCode::CANCELLED) shared_.error = Words(status);
  }

  Shared& shared_;
  const std::unique_ptr<TokenService::Stub> stub_;
  grpc::ClientContext context_;
  token::v1::WatchAccessTokenResponse response_;
  uint64_t seen_ = 0;
};

Watchers::Watchers(WatchOptions options)
    : options_(std::move(options)), shared_(std::make_unique<Shared>()) {
  shared_->request.set_credential(options_.credential);
  for (int i = 0; i < options_.connections; ++i) {
    shared_->channels.push_back(Connect(options_.server));
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kConnectTimeout));
    context.set_wait_for_ready(true);
    token::v1::GetAccessTokenRequest request;
    request.set_credential(options_.credential);
    token::v1::GetAccessTokenResponse response;
    // When it fails, the streams say why.
    (void)TokenService::NewStub(shared_->channels.back())
        ->GetAccessToken(&context, request, &response);
  }
}

Watchers::~Watchers() {
  for (const auto& stream : streams_) stream->Cancel();
  const auto closed = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared_->mutex) {
    return shared_->open == 0;
  };
  absl::MutexLock lock(&shared_->mutex, absl::Condition(&closed));
}

std::string Watchers::Open(absl::Duration timeout) {
  {
    absl::MutexLock lock(&shared_->mutex);
    shared_->missing = shared_->open = options_.watchers;
  }
  for (int i = 0; i < options_.watchers; ++i) {
    const auto& channel = shared_->channels[static_cast<size_t>(i % options_.connections)];
    streams_.push_back(std::make_unique<Stream>(*shared_, channel));
    streams_.back()->Start();
  }
  return Await(timeout);
}

std::string Watchers::Rotate(absl::Duration timeout, Delivery& delivery) {
  {
    absl::MutexLock lock(&shared_->mutex);
    shared_->missing = options_.watchers;
    shared_->arrivals_ns.clear();
    shared_->wanted = shared_->newest + 1;
  }
  // On a connection of its own: its answer is not to queue behind the tokens.
  const auto stub = CredentialService::NewStub(Connect(options_.server));
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  token::v1::RefreshCredentialRequest request;
  request.set_name(options_.credential);
  token::v1::Credential response;
  const int64_t start_ns = absl::GetCurrentTimeNanos();
  const grpc::Status status = stub->RefreshCredential(&context, request, &response);
  if (!status.ok()) return Words(status);
  if (std::string error = Await(timeout); !error.empty()) return error;
  absl::MutexLock lock(&shared_->mutex);
  std::vector<int64_t>& arrivals = shared_->arrivals_ns;
  std::sort(arrivals.begin(), arrivals.end());
  const auto since = [&](int64_t ns) { return absl::Nanoseconds(ns - start_ns); };
  delivery = {.first = since(arrivals.front()),
              .median = since(arrivals[arrivals.size() / 2]),
              .last = since(arrivals.back())};
  return "";
}

std::string Watchers::Await(absl::Duration timeout) {
  const auto settled = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared_->mutex) {
    return shared_->missing == 0 || !shared_->error.empty();
  };
  absl::MutexLock lock(&shared_->mutex);
  if (!shared_->mutex.AwaitWithTimeout(absl::Condition(&settled), timeout)) {
    return absl::StrFormat("%d watchers without a token in time", shared_->missing);
  }
  return shared_->error;
}

}  // namespace token_service::bench
