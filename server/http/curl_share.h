#pragma once

#include <curl/curl.h>

#include <array>
#include <memory>
#include <mutex>

#include "absl/status/statusor.h"

namespace token_service::http {

// TLS sessions kept from one connection to the next, so that a fresh connection costs no full
// handshake. Nothing else is shared: connections must not be (curl_transport.h), and names are
// looked up each time so that a provider's fail-over is followed at once. Any thread.
class CurlShare {
 public:
  static absl::StatusOr<std::unique_ptr<CurlShare>> Create();
  // No handle may use it any more.
  ~CurlShare();
  CurlShare(const CurlShare&) = delete;
  CurlShare& operator=(const CurlShare&) = delete;

  CURLSH* get() const { return share_; }

 private:
  CurlShare() = default;

  static void Lock(CURL* handle, curl_lock_data data, curl_lock_access access, void* self);
  static void Unlock(CURL* handle, curl_lock_data data, void* self);

  CURLSH* share_ = nullptr;
  // They guard libcurl's data, not ours: there is nothing to annotate.
  std::array<std::mutex, CURL_LOCK_DATA_LAST> mutexes_;
};

}  // namespace token_service::http
