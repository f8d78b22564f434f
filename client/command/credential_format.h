#pragma once

#include <string>

#include "token/v1/credential_service.pb.h"

namespace token_service::client {

enum class CredentialFormat { kText, kJson };

// `text`: a line a field, for people; `json`: the message. Without the last line end.
std::string FormatCredential(const token::v1::Credential& credential, CredentialFormat format);

// `text`: a table with a heading.
std::string FormatCredentials(const token::v1::ListCredentialsResponse& credentials,
                              CredentialFormat format);

// What is kept of a credential's answers, and what is in it; never its values.
std::string FormatEvidence(const token::v1::ListEvidenceResponse& evidence,
                           CredentialFormat format);

}  // namespace token_service::client
