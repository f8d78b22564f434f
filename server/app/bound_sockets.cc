#include "server/app/bound_sockets.h"

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"

namespace token_service::app {
namespace {

absl::Status BindTcp(const ServerConfig& config, BoundSockets& bound) {
  for (size_t i = 0; i < config.listen.size(); ++i) {
    const auto* tcp = std::get_if<TcpAddress>(&config.listen[i]);
    if (tcp == nullptr) continue;
    auto sockets = posix::ListeningSockets::OnTcp(tcp->host, tcp->port);
    if (!sockets.ok()) return sockets.status();
    bound.by_place.emplace(i, *std::move(sockets));
  }
  if (!config.metrics_listen.has_value()) return absl::OkStatus();
  const auto& tcp = std::get<TcpAddress>(*config.metrics_listen);
  auto sockets = posix::ListeningSockets::OnTcp(tcp.host, tcp.port);
  if (!sockets.ok()) {
    return absl::UnavailableError(
        absl::StrCat("metrics.listen: ", std::string(sockets.status().message())));
  }
  bound.metrics = *std::move(sockets);
  return absl::OkStatus();
}

// A socket may be in the data directory, which is made only when all else can be had.
absl::Status BindUnix(const ServerConfig& config, bool in_missing_directories,
                      BoundSockets& bound) {
  for (size_t i = 0; i < config.listen.size(); ++i) {
    const auto* address = std::get_if<UnixAddress>(&config.listen[i]);
    if (address == nullptr || bound.by_place.contains(i)) continue;
    std::error_code error;
    const auto directory = std::filesystem::path(address->path).parent_path();
    if (!in_missing_directories && !directory.empty() &&
        !std::filesystem::exists(directory, error)) {
      continue;
    }
    auto sockets = posix::ListeningSockets::OnUnix(address->path, config.unix_socket_mode);
    if (!sockets.ok()) return sockets.status();
    bound.by_place.emplace(i, *std::move(sockets));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<BoundSockets> BindSockets(const ServerConfig& config) {
  BoundSockets bound;
  if (absl::Status status = BindTcp(config, bound); !status.ok()) return status;
  absl::Status status = BindUnix(config, /*in_missing_directories=*/false, bound);
  if (!status.ok()) return status;
  return bound;
}

absl::StatusOr<BoundSockets> BindTheRest(const ServerConfig& config, BoundSockets bound) {
  absl::Status status = BindUnix(config, /*in_missing_directories=*/true, bound);
  if (!status.ok()) return status;
  return bound;
}

}  // namespace token_service::app
