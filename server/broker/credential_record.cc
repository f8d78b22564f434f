#include "server/broker/credential_record.h"

#include "server/broker/credential_store.h"

namespace token_service::broker {
namespace {

StoredToken CopyToken(const StoredToken& token) {
  return {.value = token.value.Copy(),
          .token_type = token.token_type,
          .scope = token.scope,
          .properties = token.properties,
          .issued = token.issued,
          .expires = token.expires};
}

}  // namespace

CredentialProfile CredentialProfile::Copy() const {
  return {.purpose = purpose,
          .client_id = client_id,
          .token_endpoint = token_endpoint,
          .scope = scope,
          .client_auth = client_auth,
          .provider = provider,
          .grant = grant,
          .client_secret = client_secret.Copy(),
          .managed_by_config = managed_by_config};
}

CredentialRecord CredentialRecord::Copy() const {
  CredentialRecord copy = CopyWithoutRefreshToken();
  copy.refresh_token = refresh_token.Copy();
  copy.seed = seed.Copy();
  return copy;
}

CredentialRecord CredentialRecord::CopyWithoutRefreshToken() const {
  CredentialRecord copy;
  copy.name = name;
  copy.profile = profile.Copy();
  copy.rotates = rotates;
  copy.grant = grant;
  copy.disabled = disabled;
  copy.unreadable = unreadable;
  copy.times = times;
  copy.version = version;
  copy.grant_serial = grant_serial;
  copy.generation = generation;
  copy.reserved_generation = reserved_generation;
  if (token.has_value()) copy.token = CopyToken(*token);
  copy.attempt = attempt;
  copy.doubt_since = doubt_since;
  copy.held_since = held_since;
  copy.create_time = create_time;
  copy.last_refresh_time = last_refresh_time;
  copy.last_error_reason = last_error_reason;
  copy.last_error = last_error;
  copy.consecutive_failures = consecutive_failures;
  copy.standing_evidence = standing_evidence;
  return copy;
}

IssuedToken IssuedToken::Copy() const {
  return {.value = value.Copy(),
          .token_type = token_type,
          .scope = scope,
          .properties = properties,
          .age = age,
          .lifetime = lifetime};
}

Rotation Rotation::Copy() const {
  return {.name = name,
          .attempt_id = attempt_id,
          .generation = generation,
          .grant_serial = grant_serial,
          .refresh_token = refresh_token.Copy(),
          .rotated = rotated,
          .refresh_token_lifetime = refresh_token_lifetime,
          .token = token.Copy()};
}

Evidence Evidence::Copy() const {
  return {.name = name,
          .attempt_id = attempt_id,
          .generation = generation,
          .time = time,
          .body = body.Copy(),
          .http_status = http_status,
          .grant_serial = grant_serial,
          .stands = stands,
          .sent = sent,
          .tried = tried,
          .id = id};
}

}  // namespace token_service::broker
