#include "client/command/credential_line.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"

namespace token_service::client {
namespace {

using token::v1::Credential;

// A name that is a name is worth telling; another may be a secret that went astray.
std::string Shown(const std::string& name) {
  const bool harmless =
      name.size() <= 40 && std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return absl::ascii_islower(c) || c == '_';
      });
  return harmless && !name.empty() ? absl::StrCat("no field \"", name, "\"")
                                   : "no such field as one in it";
}

// Empty: it has none but a credential's.
std::string UnknownField(const google::protobuf::Struct& object) {
  const auto* const fields = Credential::descriptor();
  for (const auto& [name, value] : object.fields()) {
    if (fields->FindFieldByName(name) != nullptr) continue;
    return absl::StrCat("a credential has ", Shown(name));
  }
  return "";
}

}  // namespace

std::variant<Credential, std::string> ReadCredentialLine(std::string_view line) {
  google::protobuf::Struct object;
  Credential credential;
  const std::string json(line);
  if (!google::protobuf::util::JsonStringToMessage(json, &object).ok()) {
    return std::string("not a JSON object");
  }
  if (std::string unknown = UnknownField(object); !unknown.empty()) return unknown;
  // Its words quote what is in it.
  if (!google::protobuf::util::JsonStringToMessage(json, &credential).ok()) {
    return std::string("a field has a value of another kind");
  }
  if (credential.name().empty()) return std::string("name: is required");
  return credential;
}

std::vector<std::string> Differences(const Credential& wanted, const Credential& there) {
  const std::array<std::pair<const char*, std::pair<const std::string&, const std::string&>>, 6>
      fields = {{{"purpose", {wanted.purpose(), there.purpose()}},
                 {"client_id", {wanted.client_id(), there.client_id()}},
                 {"token_endpoint", {wanted.token_endpoint(), there.token_endpoint()}},
                 {"scope", {wanted.scope(), there.scope()}},
                 {"provider", {wanted.provider(), there.provider()}},
                 {"client_auth", {wanted.client_auth(), there.client_auth()}}}};
  std::vector<std::string> differ;
  for (const auto& [name, values] : fields) {
    if (!values.first.empty() && values.first != values.second) differ.emplace_back(name);
  }
  return differ;
}

}  // namespace token_service::client
