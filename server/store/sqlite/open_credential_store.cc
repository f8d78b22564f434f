#include "server/store/sqlite/open_credential_store.h"

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "server/store/sealing/keyring.h"
#include "server/store/sqlite/sqlite_database.h"
#include "server/store/store_paths.h"
#include "server/telemetry/log.h"

namespace token_service::store {
namespace {

std::string OwnKeyFile(const StoreOptions& options) {
  return absl::StrCat(options.data_dir, "/sealing.key");
}

}  // namespace

absl::StatusOr<Keyring> LoadKeyring(const StoreOptions& options) {
  return Keyring::Load(options.key_file.empty() ? OwnKeyFile(options) : options.key_file);
}

bool IsThereAStore(const StoreOptions& options) { return MayHoldStore(options.data_dir); }

absl::Status MakeCredentialStore(const StoreOptions& options) {
  absl::Status made =
      SqliteDatabase::Open({.data_dir = options.data_dir, .expect = SqliteDatabase::Expect::kNone})
          .status();
  if (made.ok()) made = GiveToOwnerOfDirectory(options.data_dir);
  return made;
}

absl::StatusOr<std::unique_ptr<SqliteCredentialStore>> OpenCredentialStore(
    const StoreOptions& options) {
  NewFiles made;
  return OpenCredentialStore(options, made);
}

absl::StatusOr<std::unique_ptr<SqliteCredentialStore>> OpenCredentialStore(
    const StoreOptions& options, NewFiles& made) {
  if (!options.key_file.empty()) {
    // Before anything is made.
    if (const auto keyring = LoadKeyring(options); !keyring.ok()) return keyring.status();
  }
  // First: the directory must be ours before a key is made in it.
  auto database =
      SqliteDatabase::Open({.data_dir = options.data_dir,
                            .expect = options.require_store ? SqliteDatabase::Expect::kStore
                                                            : SqliteDatabase::Expect::kAnything},
                           made);
  if (absl::IsNotFound(database.status()) && options.require_store) {
    return absl::NotFoundError(absl::StrCat(
        std::string(database.status().message()),
        ", and require_store is set: make an empty one with `token-server init` if this is the "
        "first start; if there was one, its volume is lost or not mounted, and what the refresh "
        "token "
        "files hold is spent: mount it, or `token-server restore` a backup"));
  }
  if (!database.ok()) return database.status();
  absl::Cleanup undo = [&made] { made.Remove(); };  // While the directory is locked.
  absl::StatusOr<Keyring> keyring = LoadKeyring(options);
  if (absl::IsNotFound(keyring.status()) && options.key_file.empty()) {
    // A new key opens nothing that is there: whoever lost the old one should hear of that.
    if (absl::Status status = (*database)->CheckLoaded({}); !status.ok()) {
      return absl::FailedPreconditionError(
          absl::StrCat(OwnKeyFile(options), " is not there: ", std::string(status.message())));
    }
    keyring = Keyring::LoadOrCreate(OwnKeyFile(options));
    if (keyring.ok()) made.Note(OwnKeyFile(options));
  }
  if (!keyring.ok()) return keyring.status();
  auto store = SqliteCredentialStore::Open(*std::move(database), *std::move(keyring));
  if (store.ok()) std::move(undo).Cancel();
  return store;
}

void ReloadKeyring(const StoreOptions& options, SqliteCredentialStore& store) {
  absl::StatusOr<Keyring> keyring = LoadKeyring(options);
  absl::Status status = keyring.status();
  std::string sealing_key;
  uint64_t keys = 0;
  if (status.ok()) {
    sealing_key = keyring->sealing_key().id;
    keys = keyring->Facts().size();
    status = store.UseKeyring(*std::move(keyring));
  }
  if (status.ok()) {
    telemetry::Log(telemetry::Level::kInfo, "keyring loaded",
                   {{"seals", sealing_key}, {"keys", keys}});
  } else {
    telemetry::Log(telemetry::Level::kError,
                   "the new keyring cannot be used; going on with the keys that are loaded",
                   {{"error", std::string(status.message())}});
  }
}

}  // namespace token_service::store
