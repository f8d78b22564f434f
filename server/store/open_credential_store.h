#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/broker/credential_store.h"

namespace token_service::store {

struct StoreOptions {
  std::string data_dir;
  std::string key_file;  // Empty: `sealing.key` in data_dir, made when missing.
};

// The embedded store: sealed rows in an SQLite file that this process owns from now on.
// FAILED_PRECONDITION, with a text for the operator, when the keyring cannot open what is stored or
// the directory has an owner; other codes as in Keyring::Load and SqliteCredentialStore::Open.
// Blocks.
absl::StatusOr<std::unique_ptr<broker::CredentialStore>> OpenCredentialStore(
    const StoreOptions& options);

}  // namespace token_service::store
