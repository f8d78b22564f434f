#include "server/http/curl_share.h"

#include "server/http/curl_memory.h"

namespace token_service::http {

absl::StatusOr<std::unique_ptr<CurlShare>> CurlShare::Create() {
  if (absl::Status status = InitializeCurl(); !status.ok()) return status;
  std::unique_ptr<CurlShare> share(new CurlShare);
  share->share_ = curl_share_init();
  if (share->share_ == nullptr ||
      curl_share_setopt(share->share_, CURLSHOPT_USERDATA, share.get()) != CURLSHE_OK ||
      curl_share_setopt(share->share_, CURLSHOPT_LOCKFUNC, &CurlShare::Lock) != CURLSHE_OK ||
      curl_share_setopt(share->share_, CURLSHOPT_UNLOCKFUNC, &CurlShare::Unlock) != CURLSHE_OK ||
      curl_share_setopt(share->share_, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) != CURLSHE_OK) {
    return absl::InternalError("libcurl cannot share TLS sessions");
  }
  return share;
}

CurlShare::~CurlShare() {
  if (share_ != nullptr) curl_share_cleanup(share_);
}

void CurlShare::Lock(CURL*, curl_lock_data data, curl_lock_access, void* self) {
  static_cast<CurlShare*>(self)->mutexes_[data].lock();
}

void CurlShare::Unlock(CURL*, curl_lock_data data, void* self) {
  static_cast<CurlShare*>(self)->mutexes_[data].unlock();
}

}  // namespace token_service::http
