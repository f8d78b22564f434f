#pragma once

#include <string>

#include "CLI/App.hpp"
#include "absl/time/time.h"
#include "token_service/channel.h"

namespace token_service::client {

// The flags that every command takes, before or after its name.
struct ConnectionFlags {
  ChannelOptions channel;
  std::string credential;
  absl::Duration timeout = absl::Seconds(10);
};

// Declares them; `flags` is filled in when the app parses and must outlive that.
void AddConnectionFlags(CLI::App& app, ConnectionFlags& flags);

// Declares a flag that takes a duration such as 500ms, 10s, 5m, 24h. Anything else, or less than
// `minimum`, is a usage error.
CLI::Option* AddDurationFlag(CLI::App& app, const std::string& name, absl::Duration& value,
                             absl::Duration minimum, const std::string& description);

}  // namespace token_service::client
