#pragma once

#include <vector>

#include "server/base/secret.h"
#include "server/broker/credential.h"
#include "server/broker/grant.h"
#include "server/http/http_transport.h"
#include "server/oauth/form_body.h"

namespace token_service::oauth {

// What a request says of its grant (RFC 6749 sections 6 and 4.4, RFC 7523 section 2.1). Points into
// what it was made of. `assertion`: of PresentAssertion.
std::vector<FormField> GrantFields(const broker::Presented& presented, const Secret& assertion);

// A token request of that grant, with the client authentication of section 2.3.1 or of
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
                                   std::vector<FormField> fields, const Secret& proof);

}  // namespace token_service::oauth
