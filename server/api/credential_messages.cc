#include "server/api/credential_messages.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "server/api/proto_time.h"
#include "server/base/absl_view.h"
#include "server/broker/client_auth.h"
#include "server/broker/credential_name.h"

namespace token_service::api {
namespace {

using token::v1::Credential;

token::v1::CredentialState ToProto(broker::CredentialState state) {
  switch (state) {
    case broker::CredentialState::kActive:
      return token::v1::CREDENTIAL_STATE_ACTIVE;
    case broker::CredentialState::kBackingOff:
      return token::v1::CREDENTIAL_STATE_BACKING_OFF;
    case broker::CredentialState::kInDoubt:
      return token::v1::CREDENTIAL_STATE_IN_DOUBT;
    case broker::CredentialState::kNeedsReauthorization:
      return token::v1::CREDENTIAL_STATE_NEEDS_REAUTHORIZATION;
    case broker::CredentialState::kClientRejected:
      return token::v1::CREDENTIAL_STATE_CLIENT_REJECTED;
    case broker::CredentialState::kDisabled:
      return token::v1::CREDENTIAL_STATE_DISABLED;
    case broker::CredentialState::kHeld:
      return token::v1::CREDENTIAL_STATE_HELD;
  }
  return token::v1::CREDENTIAL_STATE_UNSPECIFIED;
}

constexpr std::string_view kPaths[] = {"purpose",       "client_id",    "token_endpoint",
                                       "scope",         "provider",     "client_auth",
                                       "client_secret", "refresh_token"};

// False: no such path.
bool Take(std::string_view path, const Credential& from, broker::ProfileChange& change) {
  if (path == "purpose") {
    change.purpose = from.purpose();
  } else if (path == "client_id") {
    change.client_id = from.client_id();
  } else if (path == "token_endpoint") {
    change.token_endpoint = from.token_endpoint();
  } else if (path == "scope") {
    change.scope = from.scope();
  } else if (path == "provider") {
    change.provider = from.provider();
  } else if (path == "client_auth") {
    change.client_auth = from.client_auth();
  } else if (path == "client_secret") {
    change.client_secret = Secret(std::string_view(from.client_secret()));
  } else if (path == "refresh_token") {
    change.refresh_token = Secret(std::string_view(from.refresh_token()));
  } else {
    return false;
  }
  return true;
}

bool IsSet(std::string_view path, const Credential& credential) {
  const auto* const field = Credential::descriptor()->FindFieldByName(std::string(path));
  return field != nullptr && credential.GetReflection()->HasField(credential, field);
}

}  // namespace

void ToProto(const broker::CredentialStatus& status, Credential& credential) {
  const broker::CredentialSettings& settings = *status.settings;
  credential.set_name(settings.name);
  credential.set_purpose(settings.purpose);
  credential.set_client_id(settings.client_id);
  credential.set_token_endpoint(settings.token_endpoint);
  credential.set_scope(settings.scope);
  credential.set_state(ToProto(status.state));
  credential.set_generation(status.generation);
  *credential.mutable_create_time() = ToProto(status.create_time);
  if (status.last_refresh_time.has_value()) {
    *credential.mutable_last_refresh_time() = ToProto(*status.last_refresh_time);
  }
  if (status.next_refresh_time.has_value()) {
    *credential.mutable_next_refresh_time() = ToProto(*status.next_refresh_time);
  }
  if (status.token != nullptr) {
    *credential.mutable_expire_time() = ToProto(status.token->expire_time);
  }
  credential.set_last_error_reason(status.last_error_reason);
  credential.set_consecutive_failures(status.consecutive_failures);
  credential.set_managed_by_config(settings.managed_by_config);
  credential.set_client_auth(std::string(ClientAuthName(settings.client_auth)));
  credential.set_provider(settings.provider->name);
  credential.set_grant(std::string(GrantName(settings.grant)));
  if (status.refresh_token_expire_time.has_value()) {
    *credential.mutable_refresh_token_expire_time() = ToProto(*status.refresh_token_expire_time);
  }
  if (status.last_rotation_time.has_value()) {
    *credential.mutable_last_rotation_time() = ToProto(*status.last_rotation_time);
  }
  if (!status.last_error.empty()) {
    token::v1::LastError& error = *credential.mutable_last_error();
    error.set_http_status(status.last_error.http_status);
    error.set_code(status.last_error.code);
    error.set_description(status.last_error.description);
  }
}

void ToProto(const broker::CredentialRegistry::EvidenceView& view, token::v1::Evidence& evidence) {
  evidence.set_id(view.evidence.id);
  *evidence.mutable_receive_time() = ToProto(view.evidence.time);
  evidence.set_http_status(view.evidence.http_status);
  evidence.set_size(static_cast<int64_t>(view.size));
  evidence.set_stands(view.evidence.stands);
  evidence.set_tried(view.evidence.tried);
  for (const broker::EvidenceMember& member : view.members) {
    token::v1::EvidenceMember& shown = *evidence.add_members();
    shown.set_path(member.path);
    shown.set_type(member.type);
    shown.set_may_be_token(member.may_be_token);
    shown.set_may_be_refresh_token(member.may_be_refresh_token);
  }
}

broker::NewCredential FromProto(const Credential& credential) {
  return {.name = credential.name(),
          .profile = {.purpose = credential.purpose(),
                      .client_id = credential.client_id(),
                      .token_endpoint = credential.token_endpoint(),
                      .scope = credential.scope(),
                      .client_auth = credential.client_auth(),
                      .provider = credential.provider(),
                      .grant = credential.grant().empty() ? "refresh_token" : credential.grant(),
                      .client_secret = Secret(std::string_view(credential.client_secret()))},
          .refresh_token = Secret(std::string_view(credential.refresh_token()))};
}

std::variant<broker::ProfileChange, ApiError> FromProto(
    const token::v1::UpdateCredentialRequest& request) {
  broker::ProfileChange change;
  for (const std::string& path : request.update_mask().paths()) {
    if (!Take(path, request.credential(), change)) {
      return InvalidField("update_mask",
                          "may name purpose, client_id, token_endpoint, scope, provider, "
                          "client_auth, client_secret and refresh_token");
    }
  }
  if (request.update_mask().paths().empty()) {
    for (const std::string_view path : kPaths) {
      if (IsSet(path, request.credential())) Take(path, request.credential(), change);
    }
  }
  return change;
}

std::string ToPageToken(std::string_view last_name) {
  return absl::WebSafeBase64Escape(AbslView(last_name));
}

std::optional<std::string> FromPageToken(const std::string& token) {
  std::string name;
  if (!absl::WebSafeBase64Unescape(token, &name) || !broker::IsCredentialName(name)) {
    return std::nullopt;
  }
  return name;
}

}  // namespace token_service::api
