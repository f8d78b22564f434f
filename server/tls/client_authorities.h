#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/time/time.h"

struct x509_store_st;

namespace token_service::tls {

// Who vouches for clients: the certificates of a `client_ca_file`. Immutable; any thread.
class ClientAuthorities {
 public:
  // Certificates as PEM, as ReadServerCertificate found them to be. Null: there are none, or memory
  // is out.
  static std::shared_ptr<const ClientAuthorities> Create(const std::string& pem);
  ~ClientAuthorities();
  ClientAuthorities(const ClientAuthorities&) = delete;
  ClientAuthorities& operator=(const ClientAuthorities&) = delete;

  // When the certificate, or one that leads from it to these authorities, ends: until then a
  // handshake would take it. InfinitePast: they do not vouch for it. `chain`: PEM, what the client
  // sent besides, perhaps empty, perhaps with the certificate itself. After a resumed handshake
  // nothing is known of it: then those that clients sent before are tried. Some 100 µs.
  absl::Time VouchedUntil(std::string_view certificate, std::string_view chain) const;

 private:
  explicit ClientAuthorities(x509_store_st* store) : store_(store) {}

  x509_store_st* const store_;
};

}  // namespace token_service::tls
