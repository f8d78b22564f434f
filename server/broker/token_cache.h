#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "server/base/clock.h"
#include "server/broker/access_token.h"
#include "server/telemetry/credential_calls.h"

namespace token_service::broker {

// Name → current token, for every credential that is served.
//
// A reader takes no lock and never waits, not for a refresh and not for a writer: the table and the
// tokens in it are read under RCU (liburcu), and freed when the last reader that could see them is
// gone. Any thread may call any method.
class TokenCache {
 public:
  struct Found {
    AccessTokenPtr token;  // Null: none yet. May have expired.
    // Nobody asked for so long that it is not being refreshed: tell RefreshScheduler.
    bool dormant = false;
  };

  TokenCache();
  ~TokenCache();
  TokenCache(const TokenCache&) = delete;
  TokenCache& operator=(const TokenCache&) = delete;

  // Nullopt: no such credential. Notes that somebody asked, to the second.
  std::optional<Found> Find(std::string_view name, MonotonicTime now) const;

  // When somebody last asked, to the second; nullopt: never, or no such credential.
  std::optional<MonotonicTime> LastAsked(std::string_view name) const;

  bool Contains(std::string_view name) const;

  // What its callers got; null: no such credential. Valid as long as the cache: of a credential
  // that was removed it may belong to another by now. A published token knows it too.
  telemetry::CredentialCalls* CallsOf(std::string_view name) const;

  // In no order. `visit` must not block: nothing is freed meanwhile.
  void ForEachCalls(
      absl::FunctionRef<void(std::string_view, const telemetry::CredentialCalls&)> visit) const;

  // Some names, `most` at most: for telling none, one and several apart.
  std::vector<std::string> Names(size_t most) const;

  // Makes the name known, without a token. Does nothing when it is.
  void Add(std::string_view name);

  // Replaces the token of `token->credential`; ends dormancy. Does nothing when the name is not
  // known.
  void Publish(AccessTokenPtr token);

  // Takes the token away: nobody is to have it any more.
  void Withdraw(std::string_view name);

  void SetDormant(std::string_view name, bool dormant);

  void Remove(std::string_view name);

 private:
  struct Table;
  std::unique_ptr<Table> table_;
};

}  // namespace token_service::broker
