#include "client/command/token_format_flag.h"

#include <map>
#include <string>

#include "CLI/CLI.hpp"

namespace token_service::client {

void AddTokenFormatFlag(CLI::App& app, TokenFormat& format) {
  const std::map<std::string, TokenFormat> formats = {{"token", TokenFormat::kToken},
                                                      {"header", TokenFormat::kHeader},
                                                      {"json", TokenFormat::kJson}};
  app.add_option_function<std::string>(
         "--format", [&format, formats](const std::string& name) { format = formats.at(name); },
         "token: the token alone; header: a line for curl -H; json: the whole answer")
      ->check(CLI::IsMember({"token", "header", "json"}).description(""))
      ->type_name("token|header|json")
      ->default_str("token");
}

}  // namespace token_service::client
