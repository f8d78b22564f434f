#pragma once

#include "server/base/secret.h"
#include "server/broker/credential.h"
#include "server/http/http_transport.h"

namespace token_service::oauth {

// The refresh request of RFC 6749 section 6, with the client authentication of section 2.3.1 or of
// RFC 7523 section 2.2. `proof` is the client secret or the client assertion, whichever the
// credential's client_auth wants.
//
// With client_secret_basic the body has no `client_id`: section 2.3 forbids two ways to
// authenticate in one request, section 3.2.1 wants it of clients that do not authenticate, and some
// servers refuse the pair. A provider that wants it has it from `extra_parameters`. An extra
// parameter whose name is taken is left out: section 3.2 allows each once.
//
// The provider's rules add headers and parameters, and say what else it wants: the parameters as a
// JSON object of strings, or in the URL; another name for `client_id`, or none.
http::HttpRequest MakeTokenRequest(const broker::CredentialSettings& settings,
                                   const Secret& refresh_token, const Secret& proof);

}  // namespace token_service::oauth
