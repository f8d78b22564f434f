// consumer ADDRESS: prints the access token, or the reason why there is none.

#include <token_service/channel.h>
#include <token_service/credential_client.h>
#include <token_service/token_client.h>
#include <token_service/token_source.h>

#include <iostream>

namespace client = token_service::client;

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const auto channel = client::CreateChannel({.server = argv[1]});
  if (!channel.ok()) return 2;
  token::v1::GetAccessTokenRequest request;
  if (argc > 2) request.set_credential(argv[2]);
  const auto answer = client::TokenClient(*channel).GetAccessToken(request, absl::Seconds(10));
  if (const auto* error = std::get_if<client::TokenError>(&answer)) {
    std::cout << error->reason_name << "\n";
    return 1;
  }
  const auto& token = std::get<token::v1::GetAccessTokenResponse>(answer).access_token();
  client::TokenSourceOptions options;
  options.channel.server = argv[1];
  options.credential = request.credential();
  const auto source = client::TokenSource::Open(options);
  if (!source.ok()) return 2;
  const client::TokenOrError kept = (*source)->Get(absl::Seconds(10));
  if (!kept.ok() || kept->Reveal() != token) return 3;
  std::cout << token << "\n";
}
