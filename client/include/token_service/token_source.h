#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "token_service/access_token.h"
#include "token_service/channel_options.h"
#include "token_service/token_error.h"
#include "token_service/token_or_error.h"

namespace token_service::client {

class Clock;
class SourceCore;
class TokenTransport;

struct TokenSourceOptions {
  ChannelOptions channel;

  // Empty: `default`, or the only credential that the caller may use.
  std::string credential;

  // Called with each new token, and with the error when there is none any more; not twice with the
  // same. On the source's own thread, with no lock held. It must not wait long (the next token
  // waits for it) nor destroy the source. It may call the source; Get and Replace do not wait in
  // it.
  std::function<void(const TokenOrError&)> on_change;
};

// The current access token of one credential, in this process: a microservice opens one source and
// asks it on every outgoing request.
//
// The token is pushed by the server (WatchAccessToken) as soon as there is a new one. Where no
// stream gets through, it is asked for (GetAccessToken) ahead of its expiry. Lost connections are
// made anew, with backoff and jitter. What the server says counts: a credential deleted or no
// longer permitted is withdrawn here at once. While the server says nothing, the token is served to
// its end (a clock that does not jump decides, counted from when the token came), and then not.
//
// Any thread may call any method. A source has one thread of its own, and what gRPC has.
//
// After fork() the child has no such thread: there, every method answers at once with kForked and
// the destructor does nothing. Open another source in the child, if gRPC is fit for use there: fork
// first, open afterwards. fork() and exec() is safe.
class TokenSource {
 public:
  // Begins to fetch the token; does not wait for it. INVALID_ARGUMENT: an option, by its name.
  // The certificate files are read here, and again when they have changed and a new connection is
  // made.
  static absl::StatusOr<std::unique_ptr<TokenSource>> Open(const TokenSourceOptions& options);

  // For tests: another way to the server, another clock. The clock outlives the source.
  TokenSource(std::unique_ptr<TokenTransport> transport, const TokenSourceOptions& options,
              const Clock& clock);

  // Cancels what is under way; threads that wait in Get or Replace return with kClosed, and are
  // waited for. Prompt. As with every object, no thread may begin a call any more; what Current
  // returned before may live on.
  ~TokenSource();
  TokenSource(const TokenSource&) = delete;
  TokenSource& operator=(const TokenSource&) = delete;

  // What is known now. Reads memory: takes no lock, makes no call, allocates nothing, and threads
  // do not slow each other down. A token that expires is taken away by the source's thread, within
  // milliseconds.
  TokenOrError Current() const;

  // Waits for a token, for start-up: a server that is not there yet may still come. Returns at once
  // when there is one, or when the server refuses (IsRefusal); after `timeout` the last error.
  TokenOrError Get(absl::Duration timeout);

  // The API answered 401 to this token: have it replaced. Does not wait. However many threads
  // report one generation, the server is told once; a token that has been replaced already costs
  // nothing. Current goes on with the token until there is another: one odd answer must not stop
  // all callers.
  void Rejected(const AccessToken& token);

  // The same, and waits for the token's replacement, for one more try. An error says why there is
  // none, kRefreshedRecently for instance: the API then has another reason for its 401.
  TokenOrError Replace(const AccessToken& rejected, absl::Duration timeout);

 private:
  std::unique_ptr<SourceCore> core_;
};

}  // namespace token_service::client
