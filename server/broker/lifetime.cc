#include "server/broker/lifetime.h"

#include <algorithm>
#include <memory>

namespace token_service::broker {
namespace {

// By how much the wall clocks of replicas may differ, or one be corrected by those who keep it.
constexpr absl::Duration kWallSkew = absl::Minutes(1);
// The two clocks are not read in the same instant.
constexpr absl::Duration kReading = absl::Seconds(1);

// Nullopt: it lies ahead, so the wall clock was set back since, and nobody knows how long ago it
// was.
std::optional<MonotonicTime> FromWall(absl::Time time, const Clock& clock) {
  const absl::Duration age = clock.WallNow() - time;
  if (age < -kWallSkew) return std::nullopt;
  return clock.Now() - std::max(age, absl::ZeroDuration());
}

absl::Duration LifetimeOf(const StoredToken& stored) {
  return std::max(stored.expires - stored.issued.wall, absl::ZeroDuration());
}

// When it was issued, or earlier.
MonotonicTime IssuedBefore(const StoredToken& stored, const Clock& clock) {
  if (const auto exact = OnThisBoot(stored.issued, clock); exact.has_value()) return *exact;
  const auto by_the_wall = FromWall(stored.issued.wall, clock);
  if (by_the_wall.has_value()) return *by_the_wall - kWallSkew;
  return clock.Now() - LifetimeOf(stored);
}

std::shared_ptr<AccessToken> Make(std::string_view credential, uint64_t generation,
                                  const StoredToken& stored, const TokenTiming& timing,
                                  MonotonicTime issued) {
  auto token = std::make_shared<AccessToken>();
  token->credential = std::string(credential);
  token->value = stored.value.Copy();
  token->token_type = stored.token_type;
  token->scope = stored.scope;
  token->properties = stored.properties;
  token->generation = generation;
  token->expire_time = stored.expires;
  token->lifetime = LifetimeOf(stored);
  token->least_age = std::min(timing.min_refresh_interval, token->lifetime / 10);
  token->refresh_before = std::min(timing.refresh_before, token->lifetime / 2);
  token->issued = issued;
  token->expires = issued + token->lifetime;
  return token;
}

}  // namespace

absl::Duration PreferredValidity(absl::Duration lifetime) {
  return std::min(absl::Seconds(60), lifetime / 10);
}

absl::Duration PreferredValidity(const AccessToken& token) {
  const absl::Duration usual = PreferredValidity(token.lifetime);
  const bool later = token.refresh_before > absl::ZeroDuration();
  return later ? std::min(usual, token.refresh_before) : usual;
}

TokenTiming TimingOf(const CredentialSettings& settings) {
  return {.min_refresh_interval = settings.min_refresh_interval,
          .refresh_before = settings.refresh_before};
}

MonotonicTime LastChance(const AccessToken& token) {
  const bool named = token.refresh_before > absl::ZeroDuration();
  return token.expires - (named ? token.refresh_before : token.lifetime / 20);
}

absl::Duration SureLifetime(absl::Duration told) {
  return told - std::min(absl::Seconds(1), told / 2);
}

std::optional<MonotonicTime> OnThisBoot(const Moment& moment, const Clock& clock) {
  const MonotonicTime then(moment.since_boot);
  if (moment.boot_id.empty() || moment.boot_id != clock.BootId() || then > clock.Now()) {
    return std::nullopt;
  }
  return then;
}

MonotonicTime DoubtSince(const Moment& moment, const Clock& clock) {
  return OnThisBoot(moment, clock).value_or(MonotonicTime::LongAgo());
}

MonotonicTime LastRefresh(const CredentialRecord& record, absl::Duration keepalive,
                          const Clock& clock) {
  const Moment last = record.token.has_value()
                          ? record.token->issued
                          : Moment(record.last_refresh_time.value_or(record.create_time));
  if (const auto exact = OnThisBoot(last, clock); exact.has_value()) return *exact;
  return FromWall(last.wall, clock).value_or(clock.Now() - keepalive);
}

AccessTokenPtr MakeAccessToken(std::string_view credential, uint64_t generation,
                               const StoredToken& stored, const TokenTiming& timing,
                               MonotonicTime issued) {
  return Make(credential, generation, stored, timing, issued);
}

AccessTokenPtr MakeAccessToken(std::string_view credential, uint64_t generation,
                               const StoredToken& stored, const TokenTiming& timing,
                               const Clock& clock) {
  auto token = Make(credential, generation, stored, timing, IssuedBefore(stored, clock));
  // Where the wall clock was set since, or the token counts as older.
  const absl::Time expire_time = clock.WallNow() + (token->expires - clock.Now());
  if (absl::AbsDuration(expire_time - stored.expires) > kReading) token->expire_time = expire_time;
  return token;
}

}  // namespace token_service::broker
