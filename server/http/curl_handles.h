#pragma once

#include <curl/curl.h>

#include <memory>

namespace token_service::http {

struct CurlDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

using CurlHandle = std::unique_ptr<CURL, CurlDeleter>;
using CurlStringList = std::unique_ptr<curl_slist, CurlDeleter>;

}  // namespace token_service::http
