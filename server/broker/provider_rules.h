#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/base/secret.h"

namespace token_service::broker {

// How a provider's token endpoint deviates from RFC 6749, as data. Without a word it is that RFC's.
// A path names a member of an answer: names joined by dots, a number is the place in a list.

struct RequestRules {
  enum class Body {
    kForm,   // RFC 6749 section 6.
    kJson,   // One object of strings.
    kQuery,  // In the URL, as a form; the body is empty.
  };
  Body body = Body::kForm;
  std::string client_id_parameter = "client_id";  // Empty: the request does not name the client.
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<std::pair<std::string, Secret>> secret_headers;
  std::string user_agent;  // Empty: the service's own.
  std::vector<std::pair<std::string, std::string>> parameters;
  std::vector<std::pair<std::string, Secret>> secret_parameters;

  friend bool operator==(const RequestRules&, const RequestRules&) = default;
};

enum class TimeUnit { kSeconds, kMilliseconds, kMinutes };

struct ResponseRules {
  std::string access_token = "access_token";
  std::string refresh_token = "refresh_token";
  std::string token_type = "token_type";
  std::string scope = "scope";
  std::string scheme;      // What callers are told instead of the token type. Empty: nothing else.
  std::string expires_in;  // Empty: `expires_in`, and what the field's cousins of it are.
  TimeUnit expires_in_unit = TimeUnit::kSeconds;
  std::string expires_at;  // Likewise, as the three below.
  std::string refresh_token_expires_in;
  std::string refresh_token_expires_at;
  std::vector<std::string> expose;  // Members that callers are given, by their paths.

  friend bool operator==(const ResponseRules&, const ResponseRules&) = default;
};

// What an answer that brings no token means.
enum class ErrorMeaning {
  kDead,           // The grant is gone.
  kBusy,           // Another exchange of it is under way: unspent.
  kThrottled,      // Unspent.
  kUnavailable,    // Unspent.
  kClientRefused,  // Unspent; the client or the request is at fault.
  kTooEarly,       // The current token is good enough: unspent.
  kExtended,       // The current token lives on, anew.
};

// Fits an answer when all that it names does.
struct ErrorRule {
  std::optional<int> status;  // HTTP.
  std::string path;           // Empty: no member is compared.
  std::string equals;         // In any case, whatever the member's type.
  std::string text;           // In one of the answer's strings, in any case. Empty: any.
  ErrorMeaning means = ErrorMeaning::kDead;

  friend bool operator==(const ErrorRule&, const ErrorRule&) = default;
};

struct ProviderRules {
  std::string name;
  RequestRules request;
  ResponseRules response;
  std::vector<ErrorRule> errors;  // The first that fits, before those that every provider has.

  bool has_secrets() const {
    return !request.secret_headers.empty() || !request.secret_parameters.empty();
  }
  // All the rest of it.
  ProviderRules WithoutSecrets() const;

  friend bool operator==(const ProviderRules&, const ProviderRules&) = default;
};

// Shared by all credentials of a provider; compared by what it points to.
class ProviderRulesPtr {
 public:
  // RFC 6749.
  ProviderRulesPtr();
  explicit ProviderRulesPtr(ProviderRules rules)
      : rules_(std::make_shared<const ProviderRules>(std::move(rules))) {}

  const ProviderRules& operator*() const { return *rules_; }
  const ProviderRules* operator->() const { return rules_.get(); }

  friend bool operator==(const ProviderRulesPtr& a, const ProviderRulesPtr& b) {
    return a.rules_ == b.rules_ || *a.rules_ == *b.rules_;
  }

 private:
  std::shared_ptr<const ProviderRules> rules_;
};

}  // namespace token_service::broker
