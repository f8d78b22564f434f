// The configuration's YAML: either a configuration that holds together, or one line that says where
// it does not.
#include <algorithm>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "server/broker/client_auth.h"
#include "server/broker/credential_name.h"
#include "server/broker/token_endpoint_url.h"
#include "server/config/config.h"
#include "tests/fuzz/require.h"

namespace token_service::app {
namespace {

void Check(const DeclaredCredential& declared) {
  const broker::CredentialSettings& settings = declared.settings;
  REQUIRE(broker::IsCredentialName(settings.name));
  REQUIRE(!settings.client_id.empty());
  REQUIRE(broker::CheckTokenEndpoint(settings.token_endpoint).ok());
  REQUIRE(!declared.refresh_token_file.empty());
  REQUIRE(broker::TakesSecret(settings.client_auth) == !declared.client_secret_files.empty());
  REQUIRE((settings.client_auth == broker::ClientAuth::kPrivateKeyJwt) ==
          !declared.client_key_file.empty());
  REQUIRE(settings.assumed_lifetime > absl::ZeroDuration());
}

}  // namespace
}  // namespace token_service::app

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace token_service::app;
  const auto config =
      ParseConfig(std::string_view(reinterpret_cast<const char*>(data), size), "/etc/x.yaml");
  if (!config.ok()) {
    const std::string message(config.status().message());
    REQUIRE(config.status().code() == absl::StatusCode::kInvalidArgument);
    REQUIRE(absl::StartsWith(message, "/etc/x.yaml:"));
    REQUIRE(std::none_of(message.begin(), message.end(),
                         [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }));
    return 0;
  }
  REQUIRE(!config->listen.empty());
  REQUIRE(!config->data_dir.empty());
  for (const DeclaredCredential& declared : config->credentials) Check(declared);
  return 0;
}
