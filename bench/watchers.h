#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace token_service::bench {

struct WatchOptions {
  std::string server;      // host:port or unix:/path, plaintext.
  std::string credential;  // Empty: the server's default. RefreshAll needs it.
  int watchers = 10'000;
  int connections = 20;
};

// When one new token came to the watchers, from the moment it was asked for.
struct Delivery {
  absl::Duration first, median, last;
};

// Many WatchAccessToken streams of one credential, as of many clients: each reads its next token as
// soon as it has one. Called by one thread.
class Watchers {
 public:
  // Connected, with one answered call on each connection, so that what connections cost is paid.
  explicit Watchers(WatchOptions options);
  ~Watchers();

  // Opens the streams, and waits until each has its first token. Empty: all have.
  std::string Open(absl::Duration timeout);

  // Has the credential refreshed (CredentialService), and waits until every stream has a newer
  // token than all had before. Empty: all have.
  std::string Rotate(absl::Duration timeout, Delivery& delivery);

 private:
  class Stream;
  struct Shared;

  std::string Await(absl::Duration timeout);

  const WatchOptions options_;
  const std::unique_ptr<Shared> shared_;
  std::vector<std::unique_ptr<Stream>> streams_;
};

}  // namespace token_service::bench
