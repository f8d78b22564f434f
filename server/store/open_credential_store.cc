#include "server/store/open_credential_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/keyring.h"
#include "server/store/sealing_credential_store.h"
#include "server/store/sqlite_credential_store.h"

namespace token_service::store {

absl::StatusOr<std::unique_ptr<broker::CredentialStore>> OpenCredentialStore(
    const StoreOptions& options) {
  // First: the directory must be ours before a key is made in it.
  auto rows = SqliteCredentialStore::Open({.data_dir = options.data_dir});
  if (!rows.ok()) return rows.status();
  absl::StatusOr<Keyring> keyring =
      options.key_file.empty()
          ? Keyring::LoadOrCreate(absl::StrCat(options.data_dir, "/sealing.key"))
          : Keyring::Load(options.key_file);
  if (!keyring.ok()) return keyring.status();
  return SealingCredentialStore::Create(*std::move(rows), *std::move(keyring));
}

}  // namespace token_service::store
