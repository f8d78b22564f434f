#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "client/grpc/tls_files.h"
#include "grpcpp/channel.h"
#include "token_service/channel_options.h"

namespace token_service::client {

// The channel to a token server for a caller who makes few calls and lives long. One thread.
class ReloadingChannel {
 public:
  // INVALID_ARGUMENT: an option, by its name.
  static absl::StatusOr<std::unique_ptr<ReloadingChannel>> Create(const ChannelOptions& options);

  // For the next call. Another channel when the certificate files say something else than before;
  // files that cannot be read, or a half of a pair, are as good as unchanged. Calls under way on
  // the old channel go on. Reads the files.
  std::shared_ptr<grpc::Channel> Current();

  // The connection seems dead: the next call gets another.
  void Abandon();

 private:
  ReloadingChannel(const ChannelOptions& options, TlsFiles files);

  std::shared_ptr<grpc::Channel> Make() const;

  const ChannelOptions options_;
  TlsFiles files_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace token_service::client
