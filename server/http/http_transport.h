#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/secret.h"

namespace token_service::http {

struct HttpRequest {
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;  // Names and values that are no secret.
  std::vector<std::pair<std::string, Secret>> secret_headers;
  std::string user_agent;  // Empty: the transport's own.
  Secret query;            // Put to the URL after `?`, or after `&` where that has one.
  Secret authorization;    // Value of the Authorization header; empty: none.
  Secret body;
  std::string ca_file;  // PEM; empty: the system's roots. Given: nothing else is trusted.
  // Looked at when the connection stands, in the last moment before the first byte leaves: from
  // then on nothing does.
  MonotonicTime send_before = MonotonicTime::Never();
  absl::Duration timeout = absl::InfiniteDuration();  // In all; the transport's, if that is less.
};

struct HttpResponse {
  int status = 0;
  std::optional<absl::Duration>
      retry_after;  // RFC 9110 section 10.2.3; not negative, at most a day.
  Secret body;      // At most the transport's limit.
};

// No byte of the request has left: the server cannot have seen it.
struct NotSent {
  enum class Cause {
    kResolve,
    kConnect,
    kProxy,
    kTls,
    kCertificate,    // Not trusted, for another reason than these.
    kExpired,        // Its time is over.
    kNotYetValid,    // Its time has not come.
    kHostName,       // It is another host's.
    kUnknownIssuer,  // Nobody who is trusted has signed it.
    kNoRoots,        // The file of those who are trusted cannot be read.
    kTimeout,
    kTooLate,
    kOther
  };
  Cause cause = Cause::kOther;
};
// The request may have left, and no whole answer came.
struct Lost {
  enum class Cause { kTimeout, kReset, kEmpty, kTruncated, kOther };
  Cause cause = Cause::kOther;
  int status = 0;       // 0: not even that came.
  Secret partial_body;  // What had come of the body.
};
// The answer passed the limit; the rest was not read.
struct TooLarge {
  int status = 0;
  Secret beginning;  // As much of the body as the limit allows.
};

using HttpOutcome = std::variant<HttpResponse, NotSent, Lost, TooLarge>;

// Sends requests over HTTP. Each POST goes out once at most, on a connection of its own, following
// no redirect.
class HttpTransport {
 public:
  virtual ~HttpTransport() = default;

  // Blocks for the transport's total time-out at most. Any thread that may block; several at once.
  virtual HttpOutcome Post(const HttpRequest& request) = 0;
};

}  // namespace token_service::http
