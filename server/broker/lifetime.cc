#include "server/broker/lifetime.h"

#include <algorithm>
#include <memory>

namespace token_service::broker {
namespace {

// By how much the wall clocks of replicas may differ, or one be corrected by those who keep it.
constexpr absl::Duration kWallSkew = absl::Minutes(1);

}  // namespace

absl::Duration PreferredValidity(absl::Duration lifetime) {
  return std::min(absl::Seconds(60), lifetime / 10);
}

std::optional<MonotonicTime> FromWall(absl::Time time, const Clock& clock) {
  const absl::Duration age = clock.WallNow() - time;
  if (age < -kWallSkew) return std::nullopt;
  return clock.Now() - std::max(age, absl::ZeroDuration());
}

AccessTokenPtr MakeAccessToken(std::string_view credential, uint64_t generation,
                               const StoredToken& stored, absl::Duration min_refresh_interval,
                               MonotonicTime issued) {
  auto token = std::make_shared<AccessToken>();
  token->credential = std::string(credential);
  token->value = stored.value.Copy();
  token->token_type = stored.token_type;
  token->scope = stored.scope;
  token->generation = generation;
  token->expire_time = stored.expires;
  token->lifetime = std::max(stored.expires - stored.issued, absl::ZeroDuration());
  token->least_age = std::min(min_refresh_interval, token->lifetime / 10);
  token->issued = issued;
  token->expires = issued + token->lifetime;
  return token;
}

AccessTokenPtr MakeAccessToken(std::string_view credential, uint64_t generation,
                               const StoredToken& stored, absl::Duration min_refresh_interval,
                               const Clock& clock) {
  const absl::Duration lifetime = std::max(stored.expires - stored.issued, absl::ZeroDuration());
  const MonotonicTime issued = FromWall(stored.issued, clock).value_or(clock.Now() - lifetime);
  return MakeAccessToken(credential, generation, stored, min_refresh_interval, issued);
}

}  // namespace token_service::broker
