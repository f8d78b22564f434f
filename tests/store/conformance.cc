#include "tests/store/conformance.h"

#include <cstdlib>
#include <utility>

#include "server/store/sealing/keyring.h"
#include "server/store/sqlite/sqlite_credential_store.h"
#include "server/store/sqlite/sqlite_database.h"
#include "tests/store/records.h"
#include "tests/testing/memory_credential_store.h"

namespace token_service::testing {
namespace {

template <typename T>
T Need(absl::StatusOr<T> made) {
  if (made.ok()) return *std::move(made);
  ADD_FAILURE() << made.status();
  std::abort();
}

std::unique_ptr<broker::CredentialStore> OpenMemory(const TempDir&, const Clock& clock) {
  return std::make_unique<MemoryCredentialStore>(clock);
}

// Other processes have it too.
std::unique_ptr<broker::CredentialStore> OpenSharedMemory(const TempDir&, const Clock& clock) {
  auto store = std::make_unique<MemoryCredentialStore>(clock);
  store->set_shared(true);
  return store;
}

std::unique_ptr<broker::CredentialStore> OpenSqlite(const TempDir& dir, const Clock& clock) {
  return Need(store::SqliteCredentialStore::Open(
      Need(store::SqliteDatabase::Open({.data_dir = dir.path()})),
      Need(store::Keyring::LoadOrCreate(dir.File("sealing.key"))), clock));
}

}  // namespace

std::vector<StoreKind> SharedStores() {
  return {{.name = "SharedMemory", .durable = false, .open = OpenSharedMemory}};
}

std::vector<StoreKind> OwnStores() {
  return {{.name = "Memory", .durable = false, .open = OpenMemory},
          {.name = "Sqlite", .durable = true, .open = OpenSqlite}};
}

std::vector<StoreKind> AllStores() {
  std::vector<StoreKind> all = OwnStores();
  for (StoreKind& kind : SharedStores()) all.push_back(std::move(kind));
  return all;
}

broker::CredentialRecord ConformanceTest::Load() { return Need(store_->Load(kName)); }

std::string KindName(const ::testing::TestParamInfo<StoreKind>& info) { return info.param.name; }

}  // namespace token_service::testing
