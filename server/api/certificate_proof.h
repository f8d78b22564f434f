#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/tls/reloading_certificate.h"

namespace token_service::api {

// Whether a client's certificate still proves who calls: a connection, or a session that is
// resumed, may outlive it, and the authorities may have been replaced since its handshake. Any
// thread.
class CertificateProof {
 public:
  // Both outlive this object.
  CertificateProof(const tls::ReloadingCertificate& source, const Clock& clock)
      : source_(source), clock_(clock), reviewed_version_(source.authorities_version()) {}

  // Until when, by the authorities in force: InfinitePast when they do not vouch for it. Both are
  // PEM, as gRPC has them of the connection. A look-up by the certificate's signature, without
  // locks or allocation, but for a thread's first look at a certificate or at other authorities.
  absl::Time GoodUntil(std::string_view certificate, std::string_view chain) const;

  // Whether it proves it now.
  bool Holds(std::string_view certificate, std::string_view chain) const {
    return clock_.WallNow() < GoodUntil(certificate, chain);
  }

  // Somebody waits who ought to go then: TakeReview tells when the time has come.
  void NoteEnd(absl::Time end) const;
  // Whether those who wait are to be looked at: a noted end has passed, or the authorities are
  // others. Whoever stays notes his end anew. One thread.
  bool TakeReview();

 private:
  const tls::ReloadingCertificate& source_;
  const Clock& clock_;
  mutable std::atomic<int64_t> next_end_ = INT64_MAX;  // Of those noted; nanoseconds.
  uint64_t reviewed_version_;                          // The reviewing thread's.
};

}  // namespace token_service::api
