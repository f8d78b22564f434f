#include "client/command/watch_command.h"

#include "client/command/exit_code.h"
#include "client/command/token_format_flag.h"
#include "token_service/channel.h"
#include "token_service/token_client.h"

namespace token_service::client {

CLI::App* WatchCommand::AddTo(CLI::App& app) {
  CLI::App* watch = app.add_subcommand(
      "watch",
      "Print the current access token and then each new one, until the server says why not");
  AddTokenFormatFlag(*watch, format_);
  return watch;
}

int WatchCommand::Run(const ConnectionFlags& connection, std::ostream& out, std::ostream& err) {
  const auto channel = CreateChannel(connection.channel);
  if (!channel.ok()) {
    err << "token-client: " << channel.status().message() << "\n";
    return kExitUsage;
  }
  token::v1::WatchAccessTokenRequest request;
  request.set_credential(connection.credential);
  const char* why = nullptr;
  TokenClient client(*channel);
  uint64_t printed = 0;
  bool heard = false;
  const auto print = [&](const token::v1::GetAccessTokenResponse& token) {
    heard = true;
    if (token.generation() == printed && printed != 0) return true;
    if (!IsPrintable(token)) {
      why = "the server sent a token that is not printable";
      return false;
    }
    printed = token.generation();
    out << FormatToken(token, format_) << std::endl;
    if (!out.good()) why = "cannot write the token";
    return why == nullptr;
  };
  TokenError end;
  // OK: the connection has served its age. The next stream begins with what is current.
  do {
    heard = false;
    end = client.WatchAccessToken(request, connection.timeout, print);
  } while (end.code == grpc::StatusCode::OK && heard && why == nullptr);
  if (why != nullptr) {
    err << "token-client: " << why << "\n";
  } else {
    err << "token-client: " << connection.channel.server << ": " << Describe(end) << "\n";
  }
  return kExitRefused;
}

}  // namespace token_service::client
