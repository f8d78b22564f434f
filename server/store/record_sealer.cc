#include "server/store/record_sealer.h"

#include <algorithm>
#include <array>

#include "server/telemetry/log.h"

namespace token_service::store {
namespace {

using broker::CredentialProfile;
using broker::CredentialRecord;
using broker::Evidence;
using broker::Rotation;

constexpr std::string_view kRefreshToken = "refresh_token";
constexpr std::string_view kGrant = "grant";  // A refresh token from outside a rotation.
constexpr std::string_view kSeed = "seed";
constexpr std::string_view kClientSecret = "client_secret";
constexpr std::string_view kAccessToken = "access_token";
constexpr std::string_view kEvidence = "evidence";

// A refresh token adopted from a file is stored in two places by one call that has room for one
// value. So the value holds it sealed for each:
//
//   kPair (1 byte) | size of the first in 4 bytes, little endian | sealed as seed | sealed as grant
constexpr char kPair = 2;
constexpr size_t kPairHeader = 5;

struct Pair {
  std::string_view seed;
  std::string_view grant;
};

// What is no pair stands for both.
Pair Split(std::string_view sealed) {
  if (sealed.size() < kPairHeader || sealed[0] != kPair) return {sealed, sealed};
  size_t size = 0;
  for (size_t i = 0; i < 4; ++i)
    size |= size_t{static_cast<unsigned char>(sealed[i + 1])} << (8 * i);
  const std::string_view parts = sealed.substr(kPairHeader);
  size = std::min(size, parts.size());
  return {parts.substr(0, size), parts.substr(size)};
}

Secret Join(const Secret& seed, const Secret& grant) {
  std::string pair{kPair};
  for (int shift = 0; shift < 32; shift += 8)
    pair.push_back(static_cast<char>(seed.size() >> shift));
  pair.append(seed.Reveal()).append(grant.Reveal());
  return Secret(std::move(pair));
}

}  // namespace

Secret RecordSealer::SealField(std::string_view name, std::string_view field, uint64_t generation,
                               const Secret& plain) const {
  return sealer_.Seal({.credential = name, .field = field, .generation = generation}, plain);
}

CredentialRecord RecordSealer::Seal(const CredentialRecord& record) const {
  CredentialRecord sealed;
  sealed.name = record.name;
  sealed.profile = Seal(record.name, record.profile);
  sealed.refresh_token = SealField(record.name, kRefreshToken, 0, record.refresh_token);
  sealed.seed = SealField(record.name, kSeed, 0, record.seed);
  sealed.create_time = record.create_time;
  return sealed;
}

CredentialProfile RecordSealer::Seal(std::string_view name,
                                     const CredentialProfile& profile) const {
  CredentialProfile sealed = profile.Copy();
  sealed.client_secret = SealField(name, kClientSecret, 0, profile.client_secret);
  return sealed;
}

Rotation RecordSealer::Seal(const Rotation& rotation) const {
  Rotation sealed = rotation.Copy();
  sealed.refresh_token =
      SealField(rotation.name, kRefreshToken, rotation.generation, rotation.refresh_token);
  sealed.token.value =
      SealField(rotation.name, kAccessToken, rotation.generation, rotation.token.value);
  return sealed;
}

Evidence RecordSealer::Seal(const Evidence& evidence) const {
  return {.name = evidence.name,
          .attempt_id = evidence.attempt_id,
          .generation = evidence.generation,
          .time = evidence.time,
          .body = SealField(evidence.name, kEvidence, evidence.generation, evidence.body)};
}

Secret RecordSealer::SealGrant(std::string_view name, uint64_t generation,
                               const Secret& refresh_token, bool also_seed) const {
  Secret grant = SealField(name, kGrant, generation, refresh_token);
  if (!also_seed) return grant;
  return Join(SealField(name, kSeed, 0, refresh_token), grant);
}

absl::StatusOr<Secret> RecordSealer::OpenRefreshToken(const CredentialRecord& record) const {
  const std::string_view sealed = Split(record.refresh_token.Reveal()).grant;
  SealedPlace place{
      .credential = record.name, .field = kRefreshToken, .generation = record.generation};
  absl::StatusOr<Secret> opened = sealer_.Open(place, sealed);
  if (opened.ok()) return opened;
  place.field = kGrant;
  opened = sealer_.Open(place, sealed);
  if (opened.ok() || record.generation == 0) return opened;
  --place.generation;
  return sealer_.Open(place, sealed);
}

void RecordSealer::Open(CredentialRecord& record) const {
  std::string_view unopened;
  absl::Status error;
  const auto put = [&](absl::StatusOr<Secret> opened, std::string_view field, Secret& into) {
    if (opened.ok()) {
      into = *std::move(opened);
    } else if (error.ok()) {
      error = opened.status();
      unopened = field;
    }
  };
  put(OpenRefreshToken(record), kRefreshToken, record.refresh_token);
  put(sealer_.Open({record.name, kSeed, 0}, Split(record.seed.Reveal()).seed), kSeed, record.seed);
  put(sealer_.Open({record.name, kClientSecret, 0}, record.profile.client_secret.Reveal()),
      kClientSecret, record.profile.client_secret);
  if (record.token.has_value()) {
    put(sealer_.Open({record.name, kAccessToken, record.generation}, record.token->value.Reveal()),
        kAccessToken, record.token->value);
  }
  if (error.ok()) return;

  telemetry::Log(telemetry::Level::kError, "a sealed field does not open",
                 {{"credential", record.name},
                  {"field", unopened},
                  {"reason", std::string_view(error.message().data(), error.message().size())}});
  record.standing = broker::Standing::kUnreadable;
  record.refresh_token = Secret();
  record.seed = Secret();
  record.profile.client_secret = Secret();
  record.token.reset();
}

std::vector<std::string> RecordSealer::MissingKeys(const CredentialRecord& record) const {
  const std::string_view token =
      record.token.has_value() ? record.token->value.Reveal() : std::string_view();
  const std::array sealed = {Split(record.refresh_token.Reveal()).grant,
                             Split(record.seed.Reveal()).seed,
                             record.profile.client_secret.Reveal(), token};
  std::vector<std::string> missing;
  for (const std::string_view field : sealed) {
    const std::string_view id = Sealer::KeyId(field);
    if (id.empty() || sealer_.HasKey(id)) continue;
    if (std::find(missing.begin(), missing.end(), id) == missing.end()) missing.emplace_back(id);
  }
  return missing;
}

}  // namespace token_service::store
