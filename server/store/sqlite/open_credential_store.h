#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/store/new_files.h"
#include "server/store/sqlite/sqlite_credential_store.h"

namespace token_service::store {

struct StoreOptions {
  std::string data_dir;
  std::string key_file;        // Empty: `sealing.key` in data_dir, made when missing.
  bool require_store = false;  // NOT_FOUND rather than to make one.
};

// The keyring as it is in its file now.
absl::StatusOr<Keyring> LoadKeyring(const StoreOptions& options);

// Whether there is one already: opening it makes nothing new.
bool IsThereAStore(const StoreOptions& options);

// Makes an empty store. ALREADY_EXISTS when there is one; other codes as in
// SqliteDatabase::Open. Looks at no keyring, and makes none.
absl::Status MakeCredentialStore(const StoreOptions& options);

// The embedded store: sealed rows in an SQLite file that this process owns from now on.
// FAILED_PRECONDITION, with a text for the operator, when the keyring cannot open what is stored or
// the directory has an owner; other codes as in Keyring::Load and SqliteDatabase::Open.
// Blocks.
absl::StatusOr<std::unique_ptr<SqliteCredentialStore>> OpenCredentialStore(
    const StoreOptions& options);
// What it makes it tells `made`, which may be removed while the store is open, when it was of no
// use. After an error nothing is left of that.
absl::StatusOr<std::unique_ptr<SqliteCredentialStore>> OpenCredentialStore(
    const StoreOptions& options, NewFiles& made);

// Takes over what is in the keyring's file now, while the store is in use, and logs that. A file
// that is no good changes nothing; the error is logged. One at a time; blocks.
void ReloadKeyring(const StoreOptions& options, SqliteCredentialStore& store);

}  // namespace token_service::store
