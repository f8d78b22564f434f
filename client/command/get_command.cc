#include "client/command/get_command.h"

#include <string>

#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/command/exit_code.h"
#include "client/command/token_format_flag.h"
#include "token_service/token_client.h"

namespace token_service::client {
CLI::App* GetCommand::AddTo(CLI::App& app) {
  CLI::App* get = app.add_subcommand("get", "Print the current access token");
  AddTokenFormatFlag(*get, format_);
  min_validity_given_ = AddDurationFlag(*get, "--min_validity", min_validity_, absl::ZeroDuration(),
                                        "the token must live at least this long, or none is given");
  get->add_option_function<std::string>(
         "--rejected_generation",
         [this](const std::string& text) {
           if (absl::SimpleAtoi(text, &rejected_generation_)) return;
           throw CLI::ValidationError("--rejected_generation",
                                      absl::StrCat("'", text, "' is no generation"));
         },
         "the API answered 401 to the token of this generation (see --format=json)")
      ->type_name("NUMBER");
  return get;
}

token::v1::GetAccessTokenRequest GetCommand::Request(const ConnectionFlags& connection) const {
  token::v1::GetAccessTokenRequest request;
  request.set_credential(connection.credential);
  request.set_rejected_generation(rejected_generation_);
  if (min_validity_given_->count() > 0) {
    absl::Duration rest;
    request.mutable_min_validity()->set_seconds(
        absl::IDivDuration(min_validity_, absl::Seconds(1), &rest));
    request.mutable_min_validity()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
  }
  return request;
}

int GetCommand::Run(const ConnectionFlags& connection, std::ostream& out, std::ostream& err) {
  const auto channel = CreateChannel(connection.channel);
  if (!channel.ok()) {
    err << "token-client: " << channel.status().message() << "\n";
    return kExitUsage;
  }
  const auto answer = TokenClient(*channel).GetAccessToken(Request(connection), connection.timeout);
  if (const auto* error = std::get_if<TokenError>(&answer)) {
    err << "token-client: " << connection.channel.server << ": " << Describe(*error) << "\n";
    return kExitRefused;
  }
  const auto& response = std::get<token::v1::GetAccessTokenResponse>(answer);
  if (!IsPrintable(response)) {
    err << "token-client: " << connection.channel.server << " sent a token that is not printable\n";
    return kExitRefused;
  }
  out << FormatToken(response, format_) << std::endl;
  if (!out.good()) {
    err << "token-client: cannot write the token\n";
    return kExitRefused;
  }
  return kExitOk;
}

}  // namespace token_service::client
