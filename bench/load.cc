#include "bench/load.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>

#include "absl/strings/str_format.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/time/clock.h"
#include "token/v1/token_service.grpc.pb.h"

namespace token_service::bench {
namespace {

using ::token::v1::GetAccessTokenRequest;
using ::token::v1::GetAccessTokenResponse;
using ::token::v1::TokenService;

constexpr absl::Duration kCallTimeout = absl::Seconds(20);
constexpr absl::Duration kConnectTimeout = absl::Seconds(5);
constexpr size_t kExpectedCallsPerCaller = 1 << 16;

// What all callers share.
struct Run {
  Run(const LoadOptions& options, int64_t budget)
      : credentials(options.credentials),
        end_ns(absl::GetCurrentTimeNanos() + absl::ToInt64Nanoseconds(options.duration)),
        remaining(budget),
        running(options.concurrency) {}

  // The next one to ask for. Null: there is none any more.
  const std::string* NextCredential() {
    if (credentials.size() == 1) return credentials.data();
    const size_t next = used.fetch_add(1, std::memory_order_relaxed);
    return next < credentials.size() ? &credentials[next] : nullptr;
  }

  const std::vector<std::string>& credentials;
  std::atomic<size_t> used = 0;
  const int64_t end_ns;
  std::atomic<int64_t> remaining;
  absl::BlockingCounter running;
};

// One call at a time. Touched by one thread at a time: whoever runs the callback of its only call.
class Caller {
 public:
  Caller(Run& run, TokenService::Stub& stub) : run_(run), stub_(stub) {
    latencies_ns_.reserve(kExpectedCallsPerCaller);
  }

  void StartNext() {
    start_ns_ = absl::GetCurrentTimeNanos();
    if (start_ns_ >= run_.end_ns || run_.remaining.fetch_sub(1, std::memory_order_relaxed) <= 0) {
      run_.running.DecrementCount();
      return;
    }
    if (!run_.credentials.empty()) {
      const std::string* const credential = run_.NextCredential();
      if (credential == nullptr) {
        run_.running.DecrementCount();
        return;
      }
      request_.set_credential(*credential);
    }
    context_.emplace();
    context_->set_deadline(absl::ToChronoTime(absl::FromUnixNanos(start_ns_) + kCallTimeout));
    stub_.async()->GetAccessToken(&*context_, &request_, &response_,
                                  [this](const grpc::Status& status) { Ended(status); });
  }

  void AddTo(LoadResult& result) const {
    result.latencies_ns.insert(result.latencies_ns.end(), latencies_ns_.begin(),
                               latencies_ns_.end());
    if (!error_.empty()) {
      ++result.errors;
      result.first_error = error_;
    }
    result.response_bytes = std::max(result.response_bytes, response_.ByteSizeLong());
    result.token_bytes = std::max(result.token_bytes, response_.access_token().size());
  }

 private:
  void Ended(const grpc::Status& status) {
    if (!status.ok() || response_.access_token().empty()) {
      error_ = status.ok() ? "an answer without a token"
                           : absl::StrFormat("code %d: %s", static_cast<int>(status.error_code()),
                                             status.error_message());
      run_.running.DecrementCount();
      return;
    }
    latencies_ns_.push_back(absl::GetCurrentTimeNanos() - start_ns_);
    StartNext();
  }

  Run& run_;
  TokenService::Stub& stub_;
  GetAccessTokenRequest request_;
  GetAccessTokenResponse response_;
  std::optional<grpc::ClientContext> context_;
  int64_t start_ns_ = 0;
  std::vector<int64_t> latencies_ns_;
  std::string error_;
};

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::shared_ptr<grpc::ChannelCredentials> Credentials(const LoadOptions& options) {
  if (options.tls_ca_file.empty()) return grpc::InsecureChannelCredentials();
  return grpc::SslCredentials({ReadFile(options.tls_ca_file),
                               ReadFile(options.tls_private_key_file),
                               ReadFile(options.tls_certificate_file)});
}

std::unique_ptr<TokenService::Stub> Connect(const LoadOptions& options) {
  grpc::ChannelArguments arguments;
  // Otherwise channels to one address share one connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  auto channel = grpc::CreateCustomChannel(options.server, Credentials(options), arguments);
  // When that fails, the first calls say why.
  channel->WaitForConnected(absl::ToChronoTime(absl::Now() + kConnectTimeout));
  return TokenService::NewStub(channel);
}

}  // namespace

double LoadResult::CallsPerSecond() const {
  return elapsed > absl::ZeroDuration()
             ? static_cast<double>(calls) / absl::ToDoubleSeconds(elapsed)
             : 0;
}

absl::Duration LoadResult::Quantile(double q) const {
  if (latencies_ns.empty()) return absl::ZeroDuration();
  const double rank = std::ceil(q * static_cast<double>(latencies_ns.size()));
  const size_t index = static_cast<size_t>(std::max(rank, 1.0)) - 1;
  return absl::Nanoseconds(latencies_ns[std::min(index, latencies_ns.size() - 1)]);
}

LoadResult RunLoad(const LoadOptions& options) {
  std::vector<std::unique_ptr<TokenService::Stub>> stubs;
  for (int i = 0; i < options.connections; ++i) stubs.push_back(Connect(options));

  const int64_t start_ns = absl::GetCurrentTimeNanos();
  Run run(options, options.calls > 0 ? options.calls : INT64_MAX);
  std::vector<std::unique_ptr<Caller>> callers;
  for (int i = 0; i < options.concurrency; ++i) {
    TokenService::Stub& stub = *stubs[static_cast<size_t>(i % options.connections)];
    callers.push_back(std::make_unique<Caller>(run, stub));
  }
  for (const auto& caller : callers) caller->StartNext();
  run.running.Wait();

  LoadResult result;
  result.elapsed = absl::Nanoseconds(absl::GetCurrentTimeNanos() - start_ns);
  for (const auto& caller : callers) caller->AddTo(result);
  std::sort(result.latencies_ns.begin(), result.latencies_ns.end());
  result.calls = static_cast<int64_t>(result.latencies_ns.size()) + result.errors;
  return result;
}

}  // namespace token_service::bench
