#include "client/grpc/reloading_channel.h"

#include <utility>

#include "absl/status/status.h"
#include "client/grpc/channel_from_files.h"

namespace token_service::client {

absl::StatusOr<std::unique_ptr<ReloadingChannel>> ReloadingChannel::Create(
    const ChannelOptions& options) {
  if (options.server.empty()) return absl::InvalidArgumentError("--server is empty");
  auto files = ReadTlsFiles(options);
  if (!files.ok()) return files.status();
  return std::unique_ptr<ReloadingChannel>(new ReloadingChannel(options, *std::move(files)));
}

ReloadingChannel::ReloadingChannel(const ChannelOptions& options, TlsFiles files)
    : options_(options), files_(std::move(files)), channel_(Make()) {}

std::shared_ptr<grpc::Channel> ReloadingChannel::Current() {
  auto files = ReadTlsFiles(options_);
  if (files.ok() && *files != files_) {
    files_ = *std::move(files);
    channel_ = Make();
  }
  return channel_;
}

void ReloadingChannel::Abandon() { channel_ = Make(); }

std::shared_ptr<grpc::Channel> ReloadingChannel::Make() const {
  grpc::ChannelArguments arguments;
  // A new channel is to be a new connection, and nobody else's.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // When to try again is decided above; here it need only not be in a hurry.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1'000);
  // A stream is silent for most of an hour: finds a connection that is dead without having been
  // closed. Servers tolerate no pings more frequent than every five minutes.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 310'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  return ChannelFromFiles(options_, files_, std::move(arguments));
}

}  // namespace token_service::client
