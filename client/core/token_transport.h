#pragma once

#include <cstdint>
#include <memory>

#include "absl/time/time.h"
#include "token_service/access_token.h"
#include "token_service/token_error.h"

namespace token_service::client {

// Names one call for as long as the source lives.
using CallId = uint64_t;

struct TokenAnswer {
  std::shared_ptr<const AccessToken> token;  // Null: the server sent one that is of no use.
  absl::Duration expires_in;                 // From the moment of the answer.
};

// Where the answers to a transport's calls go. Any thread; does not block.
class TransportSink {
 public:
  virtual ~TransportSink() = default;

  // The answer of a Get, which ends it; or one of a Watch.
  virtual void OnToken(CallId call, TokenAnswer answer) = 0;
  // The call is over without (another) answer.
  virtual void OnEnd(CallId call, TokenError error) = 0;
};

// The way to the server. One thread calls; but for Shutdown, no method waits.
class TokenTransport {
 public:
  virtual ~TokenTransport() = default;

  // Before all else. The sink outlives Shutdown.
  virtual void Attach(TransportSink& sink) = 0;

  virtual void StartWatch(CallId call) = 0;
  // rejected_generation 0: none.
  virtual void StartGet(CallId call, uint64_t rejected_generation, absl::Duration timeout) = 0;
  // The sink may still hear of it.
  virtual void Cancel(CallId call) = 0;

  // Cancels every call. When it returns, the sink is not called any more.
  virtual void Shutdown() = 0;
};

}  // namespace token_service::client
