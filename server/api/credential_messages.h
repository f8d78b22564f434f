#pragma once

#include <token/v1/credential_service.pb.h>

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "server/api/api_error.h"
#include "server/broker/credential_input.h"
#include "server/broker/credential_registry.h"
#include "server/broker/credential_status.h"

namespace token_service::api {

// Broker values ↔ messages of CredentialService.

// No secret is in it.
void ToProto(const broker::CredentialStatus& status, token::v1::Credential& credential);

// Neither is there here.
void ToProto(const broker::CredentialRegistry::EvidenceView& view, token::v1::Evidence& evidence);

// Not checked; output-only fields are passed over.
broker::NewCredential FromProto(const token::v1::Credential& credential);

// INVALID_ARGUMENT: a path that is not known or may not be changed.
std::variant<broker::ProfileChange, ApiError> FromProto(
    const token::v1::UpdateCredentialRequest& request);

// A page token is the last name of the page before, not for clients to read.
std::string ToPageToken(std::string_view last_name);
// Nullopt: not one of ours.
std::optional<std::string> FromPageToken(const std::string& token);

}  // namespace token_service::api
