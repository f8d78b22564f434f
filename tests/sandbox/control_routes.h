#pragma once

#include <httplib.h>

#include "tests/sandbox/faults.h"
#include "tests/sandbox/request_log.h"
#include "tests/sandbox/token_authority.h"

namespace token_service::sandbox {

// What the real Ticket API's settings page does by hand, and what only a sandbox does, for tests
// and the curious:
//   GET  /sandbox/stats                       200 the statistics
//   POST /sandbox/faults {fault, count, …}    200 what the next `count` token requests will suffer
//   POST /sandbox/credentials {name}          201 {name, client_id, refresh_token}
//   POST /sandbox/credentials/NAME/revoke     200 {name, revoked}
// JSON in and out; the credential's name also comes from the page's form, and is then answered with
// a page. Whoever reaches the port may use them. Any thread.
class ControlRoutes {
 public:
  ControlRoutes(TokenAuthority& authority, FaultPlan& faults, RequestLog& log)
      : authority_(authority), faults_(faults), log_(log) {}

  void Stats(const httplib::Request& request, httplib::Response& response);

  // {"fault": NAME, "count": N (default 1; -1: until ordered otherwise; 0: back to what the flags
  // say),
  //  "retry_after": SECONDS or "2s" (default: the flag's), "latency": the same}
  void Faults(const httplib::Request& request, httplib::Response& response);

  void MintCredential(const httplib::Request& request, httplib::Response& response);

  // The name is the first group of the route's pattern.
  void RevokeCredential(const httplib::Request& request, httplib::Response& response);

 private:
  TokenAuthority& authority_;
  FaultPlan& faults_;
  RequestLog& log_;
};

}  // namespace token_service::sandbox
