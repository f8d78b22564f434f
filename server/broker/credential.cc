#include "server/broker/credential.h"

namespace token_service::broker {

CredentialSettings CredentialSettings::Copy() const {
  CredentialSettings copy;
  copy.name = name;
  copy.purpose = purpose;
  copy.client_id = client_id;
  copy.token_endpoint = token_endpoint;
  copy.scope = scope;
  copy.client_auth = client_auth;
  copy.grant = grant;
  copy.provider = provider;
  for (const Secret& secret : client_secrets) copy.client_secrets.push_back(secret.Copy());
  copy.client_key = client_key.Copy();
  copy.ca_file = ca_file;
  copy.extra_parameters = extra_parameters;
  copy.dead_grant_errors = dead_grant_errors;
  copy.refresh = refresh;
  copy.assumed_lifetime = assumed_lifetime;
  copy.min_refresh_interval = min_refresh_interval;
  copy.replay_window = replay_window;
  copy.idle_after = idle_after;
  copy.keepalive = keepalive;
  copy.refresh_before = refresh_before;
  copy.exchange_timeout = exchange_timeout;
  copy.refresh_token_lifetime = refresh_token_lifetime;
  copy.concurrency = concurrency;
  copy.managed_by_config = managed_by_config;
  return copy;
}

}  // namespace token_service::broker
