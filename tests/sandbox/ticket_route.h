#pragma once

#include <httplib.h>

#include "tests/sandbox/request_log.h"
#include "tests/sandbox/token_authority.h"

namespace token_service::sandbox {

// GET /v2/tickets: a list of support tickets for whoever has a good access token (RFC 6750). Any
// thread.
void ServeTickets(TokenAuthority& authority, RequestLog& log, const httplib::Request& request,
                  httplib::Response& response);

}  // namespace token_service::sandbox
