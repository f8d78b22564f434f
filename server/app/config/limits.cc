#include "server/app/config/limits.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace token_service::app {
namespace {

constexpr uint32_t kMostThreads = 1024;
constexpr uint32_t kMostCalls = 10'000'000;

absl::Status ReadCount(bool given, uint32_t value, const std::string& key, uint32_t most,
                       const ConfigSource& source, int& out) {
  if (!given) return absl::OkStatus();
  if (value < 1 || value > most) {
    return source.Error(key, absl::StrFormat("expected 1 to %d, got %d", most, value));
  }
  out = static_cast<int>(value);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<absl::Duration> ReadDuration(const google::protobuf::Duration& value,
                                            const std::string& key, absl::Duration least,
                                            absl::Duration most, const ConfigSource& source) {
  const absl::Duration duration = absl::Seconds(value.seconds()) + absl::Nanoseconds(value.nanos());
  if (duration >= least && duration <= most) return duration;
  return source.Error(key,
                      absl::StrFormat("expected %s to %s, got %s", absl::FormatDuration(least),
                                      absl::FormatDuration(most), absl::FormatDuration(duration)));
}

absl::Status ReadLimits(const token::config::ConfigFile& file, const ConfigSource& source,
                        ServerConfig& config) {
  const token::config::Limits& from = file.limits();
  Limits& to = config.limits;
  const struct {
    bool given;
    uint32_t value;
    const char* key;
    uint32_t most;
    int& out;
  } counts[] = {
      {from.has_refresh_workers(), from.refresh_workers(), "limits.refresh_workers", kMostThreads,
       to.refresh_workers},
      {from.has_refreshes_per_endpoint(), from.refreshes_per_endpoint(),
       "limits.refreshes_per_endpoint", kMostThreads, to.refreshes_per_endpoint},
      {from.has_waiting_calls(), from.waiting_calls(), "limits.waiting_calls", kMostCalls,
       to.waiting_calls},
      {from.has_watchers(), from.watchers(), "limits.watchers", kMostCalls, to.watchers},
  };
  for (const auto& c : counts) {
    const absl::Status status = ReadCount(c.given, c.value, c.key, c.most, source, c.out);
    if (!status.ok()) return status;
  }

  const struct {
    bool given;
    const google::protobuf::Duration& value;
    const char* key;
    absl::Duration least;
    absl::Duration& out;
  } durations[] = {
      {from.has_connect_timeout(), from.connect_timeout(), "limits.connect_timeout",
       absl::Milliseconds(1), to.connect_timeout},
      {from.has_exchange_timeout(), from.exchange_timeout(), "limits.exchange_timeout",
       absl::Milliseconds(1), to.exchange_timeout},
      {from.has_drain_timeout(), from.drain_timeout(), "limits.drain_timeout", absl::ZeroDuration(),
       to.drain_timeout},
  };
  for (const auto& d : durations) {
    if (!d.given) continue;
    const auto duration = ReadDuration(d.value, d.key, d.least, absl::Hours(1), source);
    if (!duration.ok()) return duration.status();
    d.out = *duration;
  }
  if (to.drain_timeout < to.exchange_timeout) {
    config.warnings.push_back(
        "limits.drain_timeout is shorter than limits.exchange_timeout: a shutdown can cut off an "
        "exchange whose answer holds the next refresh token");
  }
  return absl::OkStatus();
}

}  // namespace token_service::app
