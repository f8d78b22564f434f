#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/container/inlined_vector.h"

namespace token_service::authz {

// The names in a certificate whose signature and validity have been verified. Each in the order of
// the certificate, byte for byte; views of memory that is someone else's.
struct CertificateNames {
  // Without allocation for what certificates of services usually hold.
  absl::InlinedVector<std::string_view, 4> uris;       // Subject alternative names.
  absl::InlinedVector<std::string_view, 4> dns_names;  // The same.
  std::string_view common_name;                        // Empty: none.
};

// Who presents the certificate: its SPIFFE ID, else its first DNS name, else its common name. A
// view into `names`. Compared with a policy's identities byte for byte.
//
// Nullopt, and never the next best name, when the one that counts
// - is a SPIFFE ID beside another URI, or one that the SPIFFE-ID standard (sections 2.1 to 2.3)
//   does not allow: letters, digits, `.`, `-`, `_` in non-empty segments, at most 2048 bytes;
// - is a DNS name that is no host name (a wildcard is none), or longer than 253 bytes;
// - is a common name with a character that is not printable ASCII, or with `:`, so that it cannot
//   pass for an identity of another kind, or longer than 256 bytes;
// - is `anonymous`, which callers without a certificate are called.
std::optional<std::string_view> IdentityOf(const CertificateNames& names);

// What a caller without TLS is called, by the address it came in by: on TCP `anonymous`, on a
// socket this and the socket's path. No certificate makes an identity of either kind.
inline constexpr std::string_view kAnonymous = "anonymous";
inline constexpr std::string_view kUnixPrefix = "unix:";
bool IsWithoutTls(std::string_view identity);

// On a socket, with the user that the peer's process runs as: this and a number.
inline constexpr std::string_view kUidSuffix = "?uid=";

// An identity of a unix socket, taken apart. Views of what was parsed.
struct SocketIdentity {
  std::string_view path;
  std::optional<uint32_t> uid;  // Nullopt: whoever can connect.
};
// Nullopt: it is none, or its uid is no number that a user can have.
std::optional<SocketIdentity> ParseSocketIdentity(std::string_view identity);

// Whether a caller can have this identity, or, `below`, one that goes on with `/` and more.
bool IsKnownForm(std::string_view identity, bool below);

}  // namespace token_service::authz
