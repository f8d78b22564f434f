#include "server/http/curl_exchange.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "server/http/curl_outcome.h"
#include "server/http/retry_after.h"

namespace token_service::http {
namespace {

// Zero would mean "never" to libcurl.
long Milliseconds(absl::Duration timeout) {
  return static_cast<long>(std::max<int64_t>(1, absl::ToInt64Milliseconds(timeout)));
}

template <typename Value>
bool Set(CURL* handle, CURLoption option, Value value) {
  return curl_easy_setopt(handle, option, value) == CURLE_OK;
}

bool Append(CurlStringList& list, std::string_view name, std::string_view value) {
  // A line end would start a header of its own.
  if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) return false;
  std::string line;
  line.reserve(name.size() + 2 + value.size());  // No reallocation: it would leave a copy behind.
  line.append(name).append(": ").append(value);
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  WipeString(line);
  if (longer == nullptr) return false;
  (void)list.release();
  list.reset(longer);
  return true;
}

// Not a copy that stays: libcurl makes its own, in memory that is wiped.
Secret UrlOf(const HttpRequest& request) {
  std::string url;
  url.reserve(request.url.size() + 2 + request.query.size());
  url.append(request.url);
  if (!request.query.empty()) {
    url.append(request.url.find('?') == std::string::npos ? "?" : "&");
    url.append(request.query.Reveal());
  }
  url.push_back('\0');  // libcurl takes a C string.
  return Secret(std::move(url));
}

bool IsPlaintext(const std::string& url) { return absl::StartsWithIgnoreCase(url, "http:"); }

}  // namespace

CurlExchange::CurlExchange(const HttpRequest& request, const CurlLimits& limits,
                           const CurlShare& share, const Clock& clock)
    : request_(request),
      limits_(limits),
      share_(share),
      clock_(clock),
      handle_(curl_easy_init()),
      body_(limits.max_response_bytes) {}

HttpOutcome CurlExchange::Perform() {
  if (handle_ == nullptr || !SetUp()) return NotSent{NotSent::Cause::kOther};
  // What a date in Retry-After is compared with.
  const absl::Time wall_now = clock_.WallNow();
  const CURLcode code = curl_easy_perform(handle_.get());
  if (too_late_) return NotSent{NotSent::Cause::kTooLate};
  if (!may_have_left_) return NotSent{WhyNotSent(handle_.get(), code)};

  long status = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
  if (too_large_) return TooLarge{static_cast<int>(status), body_.Take()};
  if (code != CURLE_OK) {
    return Lost{WhyLost(code, status != 0), static_cast<int>(status), body_.Take()};
  }
  HttpResponse response{static_cast<int>(status), std::nullopt, body_.Take()};
  curl_header* header = nullptr;
  if (curl_easy_header(handle_.get(), "Retry-After", 0, CURLH_HEADER, -1, &header) == CURLHE_OK) {
    response.retry_after = ParseRetryAfter(header->value, wall_now);
  }
  return response;
}

bool CurlExchange::SetUp() {
  CURL* const handle = handle_.get();
  const Secret url = UrlOf(request_);
  return Set(handle, CURLOPT_URL, url.Reveal().data()) &&
         Set(handle, CURLOPT_PROTOCOLS_STR, "http,https") &&
         Set(handle, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) &&
         // A redirect would carry the credentials to wherever it points.
         Set(handle, CURLOPT_FOLLOWLOCATION, 0L) &&
         Set(handle, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED)) &&
         Set(handle, CURLOPT_USERAGENT,
             request_.user_agent.empty() ? "token-service" : request_.user_agent.c_str()) &&
         // Plaintext is for loopback only, where no proxy leads; the environment may still name
         // one, and it would be sent the refresh token in the clear.
         (!IsPlaintext(request_.url) || Set(handle, CURLOPT_PROXY, "")) &&
         Set(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) &&
         // libcurl silently repeats a POST when a reused connection dies before the answer's first
         // byte, and the server may have rotated by then. So no connection is ever reused, in
         // either direction.
         Set(handle, CURLOPT_FRESH_CONNECT, 1L) && Set(handle, CURLOPT_FORBID_REUSE, 1L) &&
         Set(handle, CURLOPT_PREREQFUNCTION, &CurlExchange::OnConnected) &&
         Set(handle, CURLOPT_PREREQDATA, this) && Set(handle, CURLOPT_SHARE, share_.get()) &&
         // Over TLS only: with prior knowledge libcurl 7.88 fails on plaintext.
         Set(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS)) &&
         Set(handle, CURLOPT_CONNECTTIMEOUT_MS, Milliseconds(limits_.connect_timeout)) &&
         Set(handle, CURLOPT_TIMEOUT_MS,
             Milliseconds(std::min(limits_.total_timeout, request_.timeout))) &&
         // Signals belong to the process. And do not wait at the end for a look-up that hangs past
         // the time-out: its thread cleans up after itself.
         Set(handle, CURLOPT_NOSIGNAL, 1L) && Set(handle, CURLOPT_QUICK_EXIT, 1L) &&
         Set(handle, CURLOPT_POST, 1L) &&
         // Not copied: the bytes stay the Secret's.
         Set(handle, CURLOPT_POSTFIELDS,
             request_.body.empty() ? "" : request_.body.Reveal().data()) &&
         Set(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size())) &&
         Set(handle, CURLOPT_HEADERFUNCTION, &CurlExchange::OnHeader) &&
         Set(handle, CURLOPT_HEADERDATA, this) &&
         Set(handle, CURLOPT_WRITEFUNCTION, &CurlExchange::OnBody) &&
         Set(handle, CURLOPT_WRITEDATA, this) && SetUpTls() && SetUpHeaders();
}

bool CurlExchange::SetUpTls() {
  CURL* const handle = handle_.get();
  if (!Set(handle, CURLOPT_SSL_VERIFYPEER, 1L) || !Set(handle, CURLOPT_SSL_VERIFYHOST, 2L) ||
      !Set(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2))) {
    return false;
  }
  if (request_.ca_file.empty()) return true;
  // Without the second line the system's directory of roots would be trusted as well.
  return Set(handle, CURLOPT_CAINFO, request_.ca_file.c_str()) &&
         Set(handle, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
}

bool CurlExchange::SetUpHeaders() {
  for (const auto& [name, value] : request_.headers) {
    if (!Append(headers_, name, value)) return false;
  }
  for (const auto& [name, value] : request_.secret_headers) {
    if (!Append(headers_, name, value.Reveal())) return false;
  }
  if (!request_.authorization.empty() &&
      !Append(headers_, "Authorization", request_.authorization.Reveal())) {
    return false;
  }
  // No value: libcurl leaves the header out, and never waits for "100 Continue".
  curl_slist* longer = curl_slist_append(headers_.get(), "Expect:");
  if (longer == nullptr) return false;
  (void)headers_.release();
  headers_.reset(longer);
  return Set(handle_.get(), CURLOPT_HTTPHEADER, headers_.get());
}

// Called when the connection stands, TLS and proxy included, before the request's first byte. The
// second call is libcurl trying again by itself (an HTTP/2 stream refused, say): whether to try
// again is not its to decide.
int CurlExchange::OnConnected(void* self, char*, char*, int, int) {
  auto& exchange = *static_cast<CurlExchange*>(self);
  if (!exchange.may_have_left_ && exchange.clock_.Now() >= exchange.request_.send_before) {
    exchange.too_late_ = true;
    return CURL_PREREQFUNC_ABORT;
  }
  return std::exchange(exchange.may_have_left_, true) ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

size_t CurlExchange::OnHeader(char*, size_t size, size_t count, void* self) {
  auto& exchange = *static_cast<CurlExchange*>(self);
  exchange.header_bytes_ += size * count;
  if (exchange.header_bytes_ <= exchange.limits_.max_header_bytes) return size * count;
  exchange.too_large_ = true;
  return 0;
}

size_t CurlExchange::OnBody(char* data, size_t size, size_t count, void* self) {
  auto& exchange = *static_cast<CurlExchange*>(self);
  const size_t bytes = size * count;
  if (exchange.body_.Append({data, bytes}) == bytes) return bytes;
  exchange.too_large_ = true;
  return 0;
}

}  // namespace token_service::http
