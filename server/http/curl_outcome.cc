#include "server/http/curl_outcome.h"

namespace token_service::http {

namespace {

// How OpenSSL names what it found (X509_verify_cert_error_string(3)); libcurl hands it on.
constexpr long kCertificateNotYetValid = 9;
constexpr long kCertificateHasExpired = 10;
constexpr long kIssuerUnknown[] = {2, 18, 19, 20, 21};

NotSent::Cause WhyNotTrusted(CURL* handle) {
  long verified = 0;
  curl_easy_getinfo(handle, CURLINFO_SSL_VERIFYRESULT, &verified);
  // It found nothing, or libcurl never asked it (1, to begin with): what is left is the name.
  if (verified <= 1) return NotSent::Cause::kHostName;
  if (verified == kCertificateHasExpired) return NotSent::Cause::kExpired;
  if (verified == kCertificateNotYetValid) return NotSent::Cause::kNotYetValid;
  for (const long unknown : kIssuerUnknown) {
    if (verified == unknown) return NotSent::Cause::kUnknownIssuer;
  }
  return NotSent::Cause::kCertificate;
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
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
      return NotSent::Cause::kConnect;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
      return NotSent::Cause::kProxy;
    case CURLE_PEER_FAILED_VERIFICATION:
      return WhyNotTrusted(handle);
    case CURLE_SSL_CACERT_BADFILE:
      return NotSent::Cause::kNoRoots;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
      return NotSent::Cause::kTls;
    // In the look-up, TCP or TLS: libcurl 7.88 does not tell the last two apart.
    case CURLE_OPERATION_TIMEDOUT:
      return NotSent::Cause::kTimeout;
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
