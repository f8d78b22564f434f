#include "token_service/access_token.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/core/wipe.h"

namespace token_service::client {
namespace {

// VSCHAR without the space: RFC 6749 appendix A allows it in a token, RFC 6750's header does not.
bool FitsIntoHeader(const std::string& text) {
  for (const char c : text) {
    if (c < 0x21 || c > 0x7e) return false;
  }
  return !text.empty();
}

}  // namespace

std::shared_ptr<const AccessToken> AccessToken::Create(std::string&& token, Facts facts) {
  if (!FitsIntoHeader(token) || !FitsIntoHeader(facts.token_type)) {
    WipeString(token);
    return nullptr;
  }
  const size_t token_begin = facts.token_type.size() + 1;
  std::string authorization;
  // At once: a buffer that grows leaves its bytes behind.
  authorization.reserve(token_begin + token.size());
  absl::StrAppend(&authorization, facts.token_type, " ", token);
  WipeString(token);
  return std::shared_ptr<const AccessToken>(
      new AccessToken(std::move(authorization), token_begin, std::move(facts)));
}

AccessToken::AccessToken(std::string authorization, size_t token_begin, Facts facts)
    : authorization_(std::move(authorization)),
      token_begin_(token_begin),
      facts_(std::move(facts)) {}

AccessToken::~AccessToken() { WipeString(authorization_); }

}  // namespace token_service::client
