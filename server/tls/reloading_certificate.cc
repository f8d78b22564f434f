#include "server/tls/reloading_certificate.h"

#include <string>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/telemetry/log.h"

namespace token_service::tls {
namespace {

using telemetry::Level;
using telemetry::Log;

// Certificates live by wall time.
bool Expired(const ServerCertificate& certificate) {
  return certificate.expire_time <= absl::Now();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ReloadingCertificate>> ReloadingCertificate::Create(
    CertificateFiles files, absl::Duration interval) {
  absl::StatusOr<ServerCertificate> first = ReadServerCertificate(files);
  if (!first.ok()) return first.status();
  if (Expired(*first)) {
    Log(Level::kWarning, "certificate has expired",
        {{"file", files.certificate_file}, {"expire_time", first->expire_time}});
  }
  return absl::WrapUnique(new ReloadingCertificate(std::move(files), interval, *std::move(first)));
}

ReloadingCertificate::ReloadingCertificate(CertificateFiles files, absl::Duration interval,
                                           ServerCertificate first)
    : files_(std::move(files)),
      current_(std::make_shared<const ServerCertificate>(std::move(first))),
      thread_(interval, [this, interval](bool poked) {
        Look();
        if (poked) Look();
        return interval;
      }) {
  absl::MutexLock lock(&mutex_);
  TakeAuthoritiesLocked();
}

// What is parsed here is a few files' worth, and rarely.
void ReloadingCertificate::TakeAuthoritiesLocked() {
  static std::atomic<uint64_t> last = 0;
  authorities_ = {.version = last.fetch_add(1, std::memory_order_relaxed) + 1,
                  .who = ClientAuthorities::Create(current_->client_roots)};
  authorities_version_.store(authorities_.version, std::memory_order_release);
}

ReloadingCertificate::Authorities ReloadingCertificate::GetAuthorities() const {
  absl::MutexLock lock(&mutex_);
  return authorities_;
}

std::shared_ptr<const ServerCertificate> ReloadingCertificate::Current() const {
  absl::MutexLock lock(&mutex_);
  return current_;
}

CertificateFiles ReloadingCertificate::files() const {
  absl::MutexLock lock(&mutex_);
  return files_;
}

absl::StatusOr<std::unique_ptr<ServerCertificate>> ReloadingCertificate::ReadOther(
    const CertificateFiles& files) const {
  absl::StatusOr<ServerCertificate> read = ReadServerCertificate(files);
  if (!read.ok()) return read.status();
  if (*read == *Current()) return nullptr;
  if (Expired(*read)) {
    return absl::InvalidArgumentError(
        absl::StrCat("certificate_file: ", files.certificate_file, ": has expired"));
  }
  return std::make_unique<ServerCertificate>(*std::move(read));
}

void ReloadingCertificate::Look() {
  const CertificateFiles files = this->files();
  absl::StatusOr<std::unique_ptr<ServerCertificate>> another = ReadOther(files);
  if (!another.ok()) {
    candidate_.reset();
    if (std::exchange(error_, another.status()) == another.status()) return;
    Log(Level::kError, "certificate not usable, the old one goes on",
        {{"error", std::string(another.status().message())}});
    return;
  }
  error_ = absl::OkStatus();
  if (*another == nullptr) {
    candidate_.reset();
    return;
  }
  if (candidate_ == nullptr || !(*candidate_ == **another)) {
    candidate_ = *std::move(another);
    return;
  }
  candidate_.reset();
  Swap(files, *std::move(another));
}

void ReloadingCertificate::Replace(CertificateFiles files,
                                   std::unique_ptr<ServerCertificate> read) {
  {
    absl::MutexLock lock(&mutex_);
    files_ = files;
  }
  if (read != nullptr) Swap(files, std::move(read));
}

void ReloadingCertificate::Swap(const CertificateFiles& files,
                                std::unique_ptr<ServerCertificate> next) {
  const absl::Time expire_time = next->expire_time;
  {
    absl::MutexLock lock(&mutex_);
    if (files != files_) return;
    const bool others = next->client_roots != current_->client_roots;
    current_ = std::move(next);
    if (others) TakeAuthoritiesLocked();
  }
  Log(Level::kInfo, "certificate replaced",
      {{"file", files.certificate_file}, {"expire_time", expire_time}});
}

}  // namespace token_service::tls
