#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/base/polling_thread.h"
#include "server/tls/client_authorities.h"
#include "server/tls/server_certificate.h"

namespace token_service::tls {

// The server's certificate and key, always a matching pair: read again on a thread of its own, and
// swapped together. A pair that is wrong (half written, mismatched, expired) is logged once, and
// the one before goes on.
class ReloadingCertificate {
 public:
  // Two looks make a change known, since the first may meet files half replaced: within 60 s.
  static constexpr absl::Duration kInterval = absl::Seconds(15);

  // The errors of ReadServerCertificate. Expired at once: a warning in the log. Blocks.
  static absl::StatusOr<std::unique_ptr<ReloadingCertificate>> Create(
      CertificateFiles files, absl::Duration interval = kInterval);

  // Never null. Another pointer, another certificate. Any thread; does not block.
  std::shared_ptr<const ServerCertificate> Current() const;

  // Who vouches for clients by now. A number comes once in a process, 0 never; null: nobody is
  // asked for a certificate.
  struct Authorities {
    uint64_t version = 0;
    std::shared_ptr<const ClientAuthorities> who;
  };
  // One acquire load. Another number, other authorities.
  uint64_t authorities_version() const {
    return authorities_version_.load(std::memory_order_acquire);
  }
  // Takes a lock.
  Authorities GetAuthorities() const;

  // Looks at once, twice. Any thread.
  void Poke() { thread_.Poke(); }

  // Reads other files, to be handed to Replace; null: they hold what is current. The errors of
  // ReadServerCertificate, and INVALID_ARGUMENT for a certificate that has expired. Blocks.
  absl::StatusOr<std::unique_ptr<ServerCertificate>> ReadOther(const CertificateFiles& files) const;
  // From now on these files are looked at, and `read` (null: nothing new) is what they hold. Any
  // thread.
  void Replace(CertificateFiles files, std::unique_ptr<ServerCertificate> read);

 private:
  ReloadingCertificate(CertificateFiles files, absl::Duration interval, ServerCertificate first);

  void Look();
  void TakeAuthoritiesLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  CertificateFiles files() const;
  // Not when other files are to be looked at by now.
  void Swap(const CertificateFiles& files, std::unique_ptr<ServerCertificate> next);

  std::unique_ptr<ServerCertificate> candidate_;  // The thread's own: seen once.
  absl::Status error_;                            // The thread's own: already logged.
  mutable absl::Mutex mutex_;
  CertificateFiles files_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const ServerCertificate> current_ ABSL_GUARDED_BY(mutex_);
  Authorities authorities_ ABSL_GUARDED_BY(mutex_);
  std::atomic<uint64_t> authorities_version_ = 0;  // Of authorities_.
  PollingThread thread_;
};

}  // namespace token_service::tls
