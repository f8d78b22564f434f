#pragma once

#include "CLI/App.hpp"
#include "client/command/token_format.h"

namespace token_service::client {

// Declares --format=token|header|json; `format` says the default and must outlive the parsing.
void AddTokenFormatFlag(CLI::App& app, TokenFormat& format);

}  // namespace token_service::client
