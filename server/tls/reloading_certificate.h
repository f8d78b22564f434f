#pragma once

#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
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

  ~ReloadingCertificate();

  // Never null. Another pointer, another certificate. Any thread; does not block.
  std::shared_ptr<const ServerCertificate> Current() const;

  // Looks at once, twice. Any thread.
  void Poke();

 private:
  ReloadingCertificate(CertificateFiles files, absl::Duration interval, ServerCertificate first);

  void Run();
  void Look();
  // Null: what is on disk is to be left alone.
  absl::StatusOr<std::unique_ptr<ServerCertificate>> ReadAnother() const;

  const CertificateFiles files_;
  const absl::Duration interval_;
  std::unique_ptr<ServerCertificate> candidate_;  // The thread's own: seen once.
  absl::Status error_;                            // The thread's own: already logged.
  mutable absl::Mutex mutex_;
  std::shared_ptr<const ServerCertificate> current_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool poked_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace token_service::tls
