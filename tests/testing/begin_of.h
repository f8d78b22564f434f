#pragma once

#include <string>
#include <utility>

#include "server/broker/credential_store.h"

namespace token_service::testing {

// What a holder asks that knows of the credential what this record says. Its lease is 60 s long.
inline broker::BeginRequest BeginOf(const broker::CredentialRecord& record, std::string attempt_id,
                                    std::string holder) {
  return {.name = record.name,
          .create_time = record.create_time,
          .token_endpoint = record.profile.token_endpoint,
          .generation = record.generation,
          .attempt_id = std::move(attempt_id),
          .holder = std::move(holder),
          .lease = absl::Seconds(60)};
}

}  // namespace token_service::testing
