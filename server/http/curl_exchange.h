#pragma once

#include <curl/curl.h>

#include <cstddef>

#include "absl/time/time.h"
#include "server/base/secret_buffer.h"
#include "server/http/curl_handles.h"
#include "server/http/curl_share.h"
#include "server/http/http_transport.h"

namespace token_service::http {

struct CurlLimits {
  absl::Duration connect_timeout;  // Look-up, TCP, proxy and TLS together.
  absl::Duration total_timeout;
  size_t max_response_bytes;  // Of the body.
  size_t max_header_bytes;
};

// One POST on one easy handle, and what can be told of it. Used once, by one thread; `request`,
// `share` and `clock` outlive it.
class CurlExchange {
 public:
  CurlExchange(const HttpRequest& request, const CurlLimits& limits, const CurlShare& share,
               const Clock& clock);
  CurlExchange(const CurlExchange&) = delete;
  CurlExchange& operator=(const CurlExchange&) = delete;

  HttpOutcome Perform();

 private:
  bool SetUp();
  bool SetUpTls();
  bool SetUpHeaders();

  static int OnConnected(void* self, char*, char*, int, int);
  static size_t OnHeader(char* data, size_t size, size_t count, void* self);
  static size_t OnBody(char* data, size_t size, size_t count, void* self);

  const HttpRequest& request_;
  const CurlLimits limits_;
  const CurlShare& share_;
  const Clock& clock_;
  CurlStringList headers_;  // Before the handle that points to it.
  CurlHandle handle_;

  bool too_late_ = false;
  bool may_have_left_ = false;
  bool too_large_ = false;
  size_t header_bytes_ = 0;
  SecretBuffer body_;
};

}  // namespace token_service::http
