#pragma once

#include <string>

namespace token_service::broker {

// What a provider said when it gave no token. For operators: no caller sees it, and the log has the
// code alone. Nothing in it can be a token or a secret: see oauth::ShownWords.
struct ProviderError {
  int http_status = 0;  // 0: it has said nothing.
  std::string code;
  std::string description;

  bool empty() const { return http_status == 0; }

  friend bool operator==(const ProviderError&, const ProviderError&) = default;
};

}  // namespace token_service::broker
