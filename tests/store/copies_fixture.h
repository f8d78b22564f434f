#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <memory>
#include <string>
#include <vector>

#include "server/store/sqlite/backup.h"
#include "server/store/sqlite/open_credential_store.h"
#include "server/store/sqlite/restore.h"
#include "tests/store/records.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/temp_dir.h"

namespace token_service::testing {

// A store in `data`, sealed with a key beside it, and copies of it next to that directory.
class CopiesTest : public ::testing::Test {
 protected:
  CopiesTest() { Open(); }

  void Open() {
    store_.reset();
    auto store = store::OpenCredentialStore(options_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  void Close() { store_.reset(); }

  void Add(std::string_view name, int rotations = 0) {
    ASSERT_TRUE(store_->Create(NewRecord(name)).ok());
    for (int i = 0; i < rotations; ++i) Rotate(*store_, static_cast<uint64_t>(i), name);
  }
  broker::CredentialRecord Load(std::string_view name = kName) { return *store_->Load(name); }

  absl::StatusOr<store::BackupReport> Backup() { return store::Backup(options_, copy_); }
  absl::StatusOr<store::RestoreReport> Restore(store::Overwrite overwrite = store::Overwrite::kNo) {
    return store::Restore(options_, copy_, overwrite, clock_);
  }

  bool IsThere(const std::string& path) const {
    struct stat status {};
    return stat(path.c_str(), &status) == 0;
  }
  std::vector<std::string> DataFiles() const;

  // As an operator's tool would; returns the first column of the last row.
  static std::string Sql(const std::string& path, const char* sql) {
    sqlite3* database = nullptr;
    EXPECT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
    std::string last;
    const auto keep = [](void* out, int, char** columns, char**) {
      *static_cast<std::string*>(out) = columns[0] == nullptr ? "" : columns[0];
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(database, sql, keep, &last, nullptr), SQLITE_OK) << sql;
    sqlite3_close(database);
    return last;
  }

  const TempDir dir_;
  const store::StoreOptions options_ = {.data_dir = dir_.File("data")};
  const std::string database_ = options_.data_dir + "/credentials.db";
  const std::string copy_ = dir_.File("copy");
  FakeClock clock_;
  std::unique_ptr<store::SqliteCredentialStore> store_;
};

}  // namespace token_service::testing
