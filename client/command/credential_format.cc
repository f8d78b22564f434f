#include "client/command/credential_format.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "google/protobuf/util/json_util.h"

namespace token_service::client {
namespace {

using token::v1::Credential;

std::string StateName(const Credential& credential) {
  const std::string name = token::v1::CredentialState_Name(credential.state());
  return std::string(absl::StripPrefix(name, "CREDENTIAL_STATE_"));
}

std::string TimeText(bool present, const google::protobuf::Timestamp& time) {
  if (!present) return "";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixSeconds(time.seconds()),
                          absl::UTCTimeZone());
}

// `HTTP 400 invalid_grant: the token was revoked`
std::string LastErrorText(const Credential& credential) {
  if (!credential.has_last_error()) return "";
  const token::v1::LastError& error = credential.last_error();
  std::string text = absl::StrCat("HTTP ", error.http_status());
  if (!error.code().empty()) absl::StrAppend(&text, " ", error.code());
  if (!error.description().empty()) absl::StrAppend(&text, ": ", error.description());
  return text;
}

std::string OneLine(std::string text) {
  for (char& c : text) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  return text;
}

template <typename Message>
std::string Json(const Message& message) {
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json).ok()) json = "{}";
  return json;
}

}  // namespace

std::string FormatCredential(const Credential& credential, CredentialFormat format) {
  if (format == CredentialFormat::kJson) return Json(credential);
  const std::pair<const char*, std::string> fields[] = {
      {"name", credential.name()},
      {"purpose", credential.purpose()},
      {"state", StateName(credential)},
      {"client_id", credential.client_id()},
      {"client_auth", credential.client_auth()},
      {"token_endpoint", credential.token_endpoint()},
      {"scope", credential.scope()},
      {"provider", credential.provider()},
      {"grant", credential.grant() == "refresh_token" ? "" : credential.grant()},
      {"generation", absl::StrCat(credential.generation())},
      {"create_time", TimeText(credential.has_create_time(), credential.create_time())},
      {"last_refresh_time",
       TimeText(credential.has_last_refresh_time(), credential.last_refresh_time())},
      {"next_refresh_time",
       TimeText(credential.has_next_refresh_time(), credential.next_refresh_time())},
      {"expire_time", TimeText(credential.has_expire_time(), credential.expire_time())},
      {"last_rotation_time",
       TimeText(credential.has_last_rotation_time(), credential.last_rotation_time())},
      {"refresh_token_expire_time", TimeText(credential.has_refresh_token_expire_time(),
                                             credential.refresh_token_expire_time())},
      {"last_error_reason", credential.last_error_reason()},
      {"last_error", LastErrorText(credential)},
      {"consecutive_failures", absl::StrCat(credential.consecutive_failures())},
      {"managed_by_config", credential.managed_by_config() ? "yes" : "no"},
  };
  std::vector<std::string> lines;
  for (const auto& [name, value] : fields) {
    if (!value.empty()) lines.push_back(absl::StrFormat("%-21s %s", name, OneLine(value)));
  }
  return absl::StrJoin(lines, "\n");
}

std::string FormatCredentials(const token::v1::ListCredentialsResponse& credentials,
                              CredentialFormat format) {
  if (format == CredentialFormat::kJson) return Json(credentials);
  int name_width = 4;
  for (const Credential& credential : credentials.credentials()) {
    name_width = std::max(name_width, static_cast<int>(credential.name().size()));
  }
  const auto line = [name_width](const std::string& name, const std::string& state,
                                 const std::string& generation, const std::string& expires,
                                 const std::string& error) {
    std::string text = absl::StrFormat("%-*s  %-21s  %10s  %-20s  %s", name_width, OneLine(name),
                                       state, generation, expires, OneLine(error));
    absl::StripTrailingAsciiWhitespace(&text);
    return text;
  };
  std::vector<std::string> lines = {line("NAME", "STATE", "GENERATION", "EXPIRES", "LAST ERROR")};
  for (const Credential& each : credentials.credentials()) {
    lines.push_back(line(each.name(), StateName(each), absl::StrCat(each.generation()),
                         TimeText(each.has_expire_time(), each.expire_time()),
                         each.last_error_reason()));
  }
  return absl::StrJoin(lines, "\n");
}

std::string FormatEvidence(const token::v1::ListEvidenceResponse& evidence,
                           CredentialFormat format) {
  if (format == CredentialFormat::kJson) return Json(evidence);
  if (evidence.evidence().empty()) return "nothing is kept";
  std::string text;
  for (const token::v1::Evidence& kept : evidence.evidence()) {
    if (!text.empty()) text += "\n";
    absl::StrAppend(&text, kept.id(), "  ", TimeText(kept.has_receive_time(), kept.receive_time()),
                    "  HTTP ", kept.http_status(), "  ", kept.size(), " bytes",
                    kept.stands() ? "  stands" : "", kept.tried() ? "  tried" : "");
    for (const token::v1::EvidenceMember& member : kept.members()) {
      absl::StrAppend(&text, "\n  ", member.path(), "  ", member.type(),
                      member.may_be_refresh_token() ? "  may be a refresh token"
                      : member.may_be_token()       ? "  may be a token"
                                                    : "");
    }
  }
  return text;
}

}  // namespace token_service::client
