#pragma once

#include <httplib.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "tests/sandbox/request_log.h"
#include "tests/sandbox/token_authority.h"

namespace token_service::sandbox {

// The page at /: what was minted and issued, the last requests, a form to mint a credential. Shows
// no token. Unless `paused` it reloads itself.
std::string HomePage(const TokenPolicy& policy, const AuthorityStats& stats,
                     const std::vector<LoggedRequest>& requests, bool paused);

// The one page that shows a refresh token: the answer to minting it.
std::string MintedPage(std::string_view name, std::string_view client_id,
                       std::string_view refresh_token);

// With headers that let it load and run nothing.
void SendPage(httplib::Response& response, const std::string& page);

// For text and quoted attributes.
std::string EscapeHtml(std::string_view text);

}  // namespace token_service::sandbox
