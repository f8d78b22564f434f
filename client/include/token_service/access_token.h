#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace token_service::client {

// An access token and what is known about it. Immutable, so any thread may read it.
//
// The token is a secret: its bytes are wiped on destruction, no stream or formatter takes it, and
// every disclosure says `Reveal`.
class AccessToken {
 public:
  struct Facts {
    std::string token_type;   // "Bearer".
    std::string credential;   // The credential's name.
    std::string scope;        // RFC 6749 section 3.3; empty when the provider named none.
    uint64_t generation = 0;  // Names it among the credential's; a later one's is greater.
    absl::Time expire_time;   // By the server's wall clock: to be shown, not to be relied on.
    // What the provider told beside it and a caller needs to use it, such as an instance's address.
    std::map<std::string, std::string> properties = {};
  };

  // Wipes `token`. Null when the token or its type is empty or has a byte in it that cannot stand
  // in a header (only 0x21 to 0x7e can).
  static std::shared_ptr<const AccessToken> Create(std::string&& token, Facts facts);

  ~AccessToken();
  AccessToken(const AccessToken&) = delete;
  AccessToken& operator=(const AccessToken&) = delete;

  // The token alone. Valid while this object is, and so are all views below.
  std::string_view Reveal() const { return std::string_view(authorization_).substr(token_begin_); }

  // The value of an Authorization header: "Bearer …". Made once a token, not once a call.
  std::string_view RevealAuthorization() const { return authorization_; }

  const std::string& token_type() const { return facts_.token_type; }
  const std::string& credential() const { return facts_.credential; }
  const std::string& scope() const { return facts_.scope; }
  uint64_t generation() const { return facts_.generation; }
  absl::Time expire_time() const { return facts_.expire_time; }
  const std::map<std::string, std::string>& properties() const { return facts_.properties; }

 private:
  AccessToken(std::string authorization, size_t token_begin, Facts facts);

  std::string authorization_;
  const size_t token_begin_;
  const Facts facts_;
};

}  // namespace token_service::client
