#pragma once

#include <curl/curl.h>

#include "server/http/http_transport.h"

namespace token_service::http {

// Why a transfer that ended with `code` never got as far as its request.
NotSent::Cause WhyNotSent(CURL* handle, CURLcode code);

// Why a transfer ended with `code` after its request may have left. `answered`: a status had come.
Lost::Cause WhyLost(CURLcode code, bool answered);

}  // namespace token_service::http
