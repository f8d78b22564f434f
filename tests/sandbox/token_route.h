#pragma once

#include <httplib.h>

#include <string>

#include "absl/synchronization/notification.h"
#include "tests/sandbox/faults.h"
#include "tests/sandbox/request_log.h"
#include "tests/sandbox/token_authority.h"

namespace token_service::sandbox {

// POST /token: the Ticket API's token endpoint (RFC 6749 section 6), with the faults of the plan.
// Any thread; blocks for the latency, and for as long as the client likes when the fault is to
// hang.
class TokenRoute {
 public:
  // Gives up waiting when `stopping` is notified.
  TokenRoute(TokenAuthority& authority, FaultPlan& faults, RequestLog& log,
             const absl::Notification& stopping)
      : authority_(authority), faults_(faults), log_(log), stopping_(stopping) {}

  void Serve(const httplib::Request& request, httplib::Response& response);

 private:
  // Judges the request and fills in the honest answer; returns how it went, for the log.
  std::string Answer(const httplib::Request& request, httplib::Response& response);
  // What the client gets instead of, or made of, the honest answer.
  void Spoil(const Mishap& mishap, httplib::Response& response);

  TokenAuthority& authority_;
  FaultPlan& faults_;
  RequestLog& log_;
  const absl::Notification& stopping_;
};

}  // namespace token_service::sandbox
