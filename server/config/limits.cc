#include "server/config/limits.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace token_service::app {
namespace {

constexpr uint32_t kMostThreads = 1024;
constexpr uint32_t kMostCalls = 10'000'000;
constexpr uint32_t kMostRate = 1'000'000;
// Those of TokenService are held to this anyway.
constexpr uint32_t kLeastRequest = 4096;
constexpr uint32_t kMostRequest = 16 << 20;

absl::Status ReadCount(bool given, uint32_t value, const std::string& key, uint32_t least,
                       uint32_t most, const ConfigSource& source, int& out) {
  if (!given) return absl::OkStatus();
  if (value < least || value > most) {
    return source.Error(key, absl::StrFormat("expected %d to %d, got %d", least, most, value));
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
    uint32_t least;
    uint32_t most;
    int& out;
  } counts[] = {
      {from.has_refresh_workers(), from.refresh_workers(), "limits.refresh_workers", 1,
       kMostThreads, to.refresh_workers},
      {from.has_refreshes_per_endpoint(), from.refreshes_per_endpoint(),
       "limits.refreshes_per_endpoint", 1, kMostThreads, to.refreshes_per_endpoint},
      {from.has_waiting_calls(), from.waiting_calls(), "limits.waiting_calls", 1, kMostCalls,
       to.waiting_calls},
      {from.has_watchers(), from.watchers(), "limits.watchers", 1, kMostCalls, to.watchers},
      {from.has_connections(), from.connections(), "limits.connections", 1, kMostCalls,
       to.connections},
      {from.has_calls_per_connection(), from.calls_per_connection(), "limits.calls_per_connection",
       1, kMostCalls, to.calls_per_connection},
      {from.has_request_bytes(), from.request_bytes(), "limits.request_bytes", kLeastRequest,
       kMostRequest, to.request_bytes},
      {from.has_caller_rate(), from.caller_rate(), "limits.caller_rate", 1, kMostRate,
       to.caller_rate},
      {from.has_caller_burst(), from.caller_burst(), "limits.caller_burst", 1, kMostRate,
       to.caller_burst},
  };
  for (const auto& c : counts) {
    const absl::Status status = ReadCount(c.given, c.value, c.key, c.least, c.most, source, c.out);
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
  if (from.has_connection_age()) {
    // 0: connections may become as old as they like.
    const auto age = ReadDuration(from.connection_age(), "limits.connection_age",
                                  absl::ZeroDuration(), absl::Hours(24 * 20), source);
    if (!age.ok()) return age.status();
    if (*age != absl::ZeroDuration() && *age < absl::Seconds(1)) {
      return source.Error("limits.connection_age", "expected 0s (none) or 1s at least");
    }
    to.connection_age = *age == absl::ZeroDuration() ? absl::InfiniteDuration() : *age;
  }
  if (to.caller_burst > 0 && to.caller_rate == 0) {
    return source.Error("limits.caller_burst", "means nothing without limits.caller_rate");
  }
  if (to.drain_timeout < to.exchange_timeout) {
    config.warnings.push_back(
        "limits.drain_timeout is shorter than limits.exchange_timeout: a shutdown can cut off an "
        "exchange whose answer holds the next refresh token");
  }
  return absl::OkStatus();
}

}  // namespace token_service::app
