#pragma once

#include <memory>

#include "client/grpc/tls_files.h"
#include "grpcpp/channel.h"
#include "grpcpp/support/channel_arguments.h"
#include "token_service/channel_options.h"

namespace token_service::client {

// CreateChannel with the files read already. Of `options`, only the paths are not looked at but for
// whether they are given. `arguments` are added to.
std::shared_ptr<grpc::Channel> ChannelFromFiles(const ChannelOptions& options,
                                                const TlsFiles& files,
                                                grpc::ChannelArguments arguments);

}  // namespace token_service::client
