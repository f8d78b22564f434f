#include "client/command/connection_flags.h"

#include "absl/strings/str_cat.h"

namespace token_service::client {

CLI::Option* AddDurationFlag(CLI::App& app, const std::string& name, absl::Duration& value,
                             absl::Duration minimum, const std::string& description) {
  const auto parse = [&value, minimum, name](const std::string& text) {
    absl::Duration parsed;
    if (!absl::ParseDuration(text, &parsed) || parsed < minimum ||
        parsed == absl::InfiniteDuration()) {
      throw CLI::ValidationError(
          name, absl::StrCat("'", text, "' is no duration of at least ",
                             absl::FormatDuration(minimum), " (500ms, 10s, 5m, 24h)"));
    }
    value = parsed;
  };
  return app.add_option_function<std::string>(name, parse, description)->type_name("DURATION");
}

void AddConnectionFlags(CLI::App& app, ConnectionFlags& flags) {
  const std::string group = "Flags of every command";
  ChannelOptions& channel = flags.channel;
  app.add_option("--server", channel.server, "host:port or unix:/path of token-server")
      ->envname("TOKEN_SERVER")
      ->capture_default_str()
      ->type_name("ADDRESS")
      ->group(group);
  app.add_option("--credential", flags.credential,
                 "name of the credential; without it `default`, or the only one you may use")
      ->type_name("NAME")
      ->group(group);
  AddDurationFlag(app, "--timeout", flags.timeout, absl::Milliseconds(1),
                  "how long to wait for the answer")
      ->default_str("10s")
      ->group(group);
  app.add_option("--tls_ca_file", channel.tls_ca_file,
                 "PEM of the authorities that may have signed the server's certificate")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--tls_certificate_file", channel.tls_certificate_file,
                 "PEM of the certificate that says who you are")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--tls_private_key_file", channel.tls_private_key_file,
                 "PEM of that certificate's private key")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--tls_server_name", channel.tls_server_name,
                 "name to expect in the server's certificate, when it is not the host")
      ->type_name("NAME")
      ->group(group);
}

}  // namespace token_service::client
