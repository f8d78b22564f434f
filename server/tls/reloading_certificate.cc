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
      interval_(interval),
      current_(std::make_shared<const ServerCertificate>(std::move(first))),
      thread_([this] { Run(); }) {}

ReloadingCertificate::~ReloadingCertificate() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

std::shared_ptr<const ServerCertificate> ReloadingCertificate::Current() const {
  absl::MutexLock lock(&mutex_);
  return current_;
}

void ReloadingCertificate::Poke() {
  absl::MutexLock lock(&mutex_);
  poked_ = true;
}

void ReloadingCertificate::Run() {
  const auto woken = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || poked_; };
  while (true) {
    bool poked = false;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout(absl::Condition(&woken), interval_);
      if (stopping_) return;
      poked = std::exchange(poked_, false);
    }
    Look();
    if (poked) Look();
  }
}

absl::StatusOr<std::unique_ptr<ServerCertificate>> ReloadingCertificate::ReadAnother() const {
  absl::StatusOr<ServerCertificate> read = ReadServerCertificate(files_);
  if (!read.ok()) return read.status();
  if (*read == *Current()) return nullptr;
  if (Expired(*read)) {
    return absl::InvalidArgumentError(
        absl::StrCat("certificate_file: ", files_.certificate_file, ": has expired"));
  }
  return std::make_unique<ServerCertificate>(*std::move(read));
}

void ReloadingCertificate::Look() {
  absl::StatusOr<std::unique_ptr<ServerCertificate>> another = ReadAnother();
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
  const absl::Time expire_time = (*another)->expire_time;
  {
    absl::MutexLock lock(&mutex_);
    current_ = *std::move(another);
  }
  Log(Level::kInfo, "certificate replaced",
      {{"file", files_.certificate_file}, {"expire_time", expire_time}});
}

}  // namespace token_service::tls
