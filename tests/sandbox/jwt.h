#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace token_service::sandbox {

// The access token of the Ticket API: a signed JWT (RFC 7519) with exactly the claims cid type nbf
// exp iss aud. What the sandbox itself wants to know of a token goes into the JOSE header's `kid`,
// which is no claim.
struct Jwt {
  std::string key_id;      // kid, in the header.
  std::string client_id;   // cid
  std::string type;        // type
  int64_t not_before = 0;  // nbf, seconds since 1970.
  int64_t expiry = 0;      // exp, seconds since 1970.
  std::string issuer;      // iss
  std::string audience;    // aud
};

// Signed with HS512 (RFC 7518 section 3.2).
std::string EncodeJwt(const Jwt& jwt, std::string_view key);

// Nothing unless the token is well formed, says HS512 and carries this key's signature. Does not
// look at the times.
std::optional<Jwt> DecodeJwt(std::string_view token, std::string_view key);

}  // namespace token_service::sandbox
