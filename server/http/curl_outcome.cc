#include "server/http/curl_outcome.h"

namespace token_service::http {
namespace {

// How far a connection had come when time was up. A time of zero: not that far.
NotSent::Cause WhereItStood(CURL* handle) {
  curl_off_t looked_up = 0;
  curl_off_t connected = 0;
  curl_easy_getinfo(handle, CURLINFO_NAMELOOKUP_TIME_T, &looked_up);
  curl_easy_getinfo(handle, CURLINFO_CONNECT_TIME_T, &connected);
  if (looked_up == 0) return NotSent::Cause::kResolve;
  return connected == 0 ? NotSent::Cause::kConnect : NotSent::Cause::kTls;
}

}  // namespace

NotSent::Cause WhyNotSent(CURL* handle, CURLcode code) {
  long proxy_status = 0;
  curl_easy_getinfo(handle, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
  if (proxy_status != 0 && proxy_status / 100 != 2) return NotSent::Cause::kProxy;
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return NotSent::Cause::kResolve;
    case CURLE_COULDNT_CONNECT:
      return NotSent::Cause::kConnect;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
      return NotSent::Cause::kProxy;
    case CURLE_PEER_FAILED_VERIFICATION:
      return NotSent::Cause::kCertificate;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CIPHER:
      return NotSent::Cause::kTls;
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
      return WhereItStood(handle);
    default:
      return NotSent::Cause::kOther;
  }
}

Lost::Cause WhyLost(CURLcode code, bool answered) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return Lost::Cause::kTimeout;
    case CURLE_GOT_NOTHING:
      return Lost::Cause::kEmpty;
    case CURLE_PARTIAL_FILE:
      return Lost::Cause::kTruncated;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return answered ? Lost::Cause::kTruncated : Lost::Cause::kReset;
    default:
      return Lost::Cause::kOther;
  }
}

}  // namespace token_service::http
