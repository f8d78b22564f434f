// tickets URL [COUNT]: gets an API's answer COUNT times with libcurl and prints the last one.
//
// The token comes from a TokenSource, which is asked on every request: that costs no more than a
// look into memory. When the API answers 401 the token is reported, and the request made once
// more with its replacement.
//
// TOKEN_SERVER says where token-server is (127.0.0.1:50051).

#include <curl/curl.h>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>

#include "token_service/token_source.h"

using token_service::client::Describe;
using token_service::client::TokenOrError;
using token_service::client::TokenSource;

namespace {

struct Answer {
  long status = 0;  // 0: none; `body` says why.
  std::string body;
};

size_t Append(char* data, size_t size, size_t count, void* body) {
  static_cast<std::string*>(body)->append(data, size * count);
  return size * count;
}

Answer Get(CURL* curl, const std::string& url, std::string_view authorization) {
  Answer answer;
  const std::string line = "Authorization: " + std::string(authorization);
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(
      curl_slist_append(nullptr, line.c_str()), curl_slist_free_all);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, Append);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
  const CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK) return {.status = 0, .body = curl_easy_strerror(code)};
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
  return answer;
}

// The pattern to copy.
Answer GetWithToken(TokenSource& source, CURL* curl, const std::string& url) {
  TokenOrError token = source.Current();
  if (!token.ok()) return {.status = 0, .body = Describe(token.error())};
  Answer answer = Get(curl, url, token->RevealAuthorization());
  if (answer.status != 401) return answer;
  // However many threads come here with this token, the server hears of it once.
  token = source.Replace(*token, absl::Seconds(10));
  if (!token.ok()) return {.status = 401, .body = Describe(token.error())};
  return Get(curl, url, token->RevealAuthorization());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: tickets URL [COUNT]\n";
    return 2;
  }
  token_service::client::TokenSourceOptions options;
  if (const char* server = std::getenv("TOKEN_SERVER")) options.channel.server = server;
  const auto source = TokenSource::Open(options);
  if (!source.ok()) {
    std::cerr << "tickets: " << source.status().message() << "\n";
    return 2;
  }
  // Once, at the start. Afterwards nobody waits.
  if (const TokenOrError first = (*source)->Get(absl::Seconds(10)); !first.ok()) {
    std::cerr << "tickets: " << Describe(first.error()) << "\n";
    return 1;
  }
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(),
                                                                 curl_easy_cleanup);
  Answer answer;
  const int count = argc > 2 ? std::atoi(argv[2]) : 1;
  for (int i = 0; i < count; ++i) {
    answer = GetWithToken(**source, curl.get(), argv[1]);
    if (answer.status != 200) {
      std::cerr << "tickets: HTTP " << answer.status << ": " << answer.body << "\n";
      return 1;
    }
  }
  std::cout << answer.body << "\n";
  return 0;
}
