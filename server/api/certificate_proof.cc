#include "server/api/certificate_proof.h"

#include <algorithm>
#include <functional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "server/base/absl_view.h"

namespace token_service::api {
namespace {

constexpr size_t kMostRemembered = 4096;

// A certificate ends with its signature: that much of its text tells nearly all apart, and is
// hashed in a tenth of the time. Whether it is the same is still a matter of every byte.
struct HashOfEnd {
  using is_transparent = void;
  size_t operator()(std::string_view certificate) const {
    constexpr size_t kEnd = 160;
    return absl::HashOf(
        AbslView(certificate.substr(certificate.size() - std::min(certificate.size(), kEnd))));
  }
};

// What a thread has seen of certificates under one set of authorities.
struct Seen {
  tls::ReloadingCertificate::Authorities authorities;
  absl::flat_hash_map<std::string, absl::Time, HashOfEnd, std::equal_to<>> ends;
};

}  // namespace

absl::Time CertificateProof::GoodUntil(std::string_view certificate, std::string_view chain) const {
  thread_local Seen seen;
  if (seen.authorities.version != source_.authorities_version()) {
    seen.authorities = source_.GetAuthorities();
    seen.ends.clear();
  }
  const auto found = seen.ends.find(certificate);
  if (found != seen.ends.end()) return found->second;
  if (seen.authorities.who == nullptr) return absl::InfinitePast();
  const absl::Time end = seen.authorities.who->VouchedUntil(certificate, chain);
  if (seen.ends.size() >= kMostRemembered) seen.ends.clear();
  seen.ends.emplace(certificate, end);
  return end;
}

void CertificateProof::NoteEnd(absl::Time end) const {
  const int64_t at = absl::ToUnixNanos(end);
  int64_t next = next_end_.load(std::memory_order_relaxed);
  while (at < next && !next_end_.compare_exchange_weak(next, at, std::memory_order_relaxed)) {
  }
}

bool CertificateProof::TakeReview() {
  const uint64_t version = source_.authorities_version();
  const bool others = version != reviewed_version_;
  reviewed_version_ = version;
  const bool ended =
      absl::ToUnixNanos(clock_.WallNow()) >= next_end_.load(std::memory_order_relaxed);
  if (!others && !ended) return false;
  next_end_.store(INT64_MAX, std::memory_order_relaxed);
  return true;
}

}  // namespace token_service::api
