#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/new_files.h"
#include "server/store/owner_lock.h"
#include "server/store/sealing/keyring.h"
#include "server/store/sqlite/group_commit.h"
#include "server/store/sqlite/read_pool.h"

namespace token_service::store {

// The SQLite file `credentials.db` in a directory that this object owns, of the newest schema.
// Writes that come together share one transaction and one fsync; reads wait for no write. Any
// thread; blocks.
//
// It keeps on record which keys seal what is in it, in the same file, so that one transaction can
// rest on both. docs/adr/0011-rekey.md builds on this:
//
//   - a key is on record only while whoever owns the store can open with it;
//   - a key seals only while it is on record, and nothing but the first one any more once it is the
//     first;
//   - whoever else writes sealed values does so in a transaction that finds its key to be the
//     first.
class SqliteDatabase {
 public:
  // What has to be in the directory before.
  enum class Expect {
    kAnything,  // Without a store, an empty one is made.
    kStore,     // A file that is empty or half made is none.
    kNone,
  };
  struct Options {
    std::string data_dir;  // Made with mode 0700 when missing.
    Expect expect = Expect::kAnything;
    const char* vfs = nullptr;  // SQLite's file layer; null: the default. For tests.
  };

  // FAILED_PRECONDITION: another server owns the directory, a newer version or another program
  // wrote the file, or the path is none for a directory. NOT_FOUND, ALREADY_EXISTS: not what was
  // expected, and nothing was made or changed. PERMISSION_DENIED: not readable and
  // writable for us. DATA_LOSS: the file is damaged or no database. UNAVAILABLE: disk full and the
  // like. All name the path.
  static absl::StatusOr<std::unique_ptr<SqliteDatabase>> Open(const Options& options);
  // What it makes it tells `made`. After an error nothing is left of that.
  static absl::StatusOr<std::unique_ptr<SqliteDatabase>> Open(const Options& options,
                                                              NewFiles& made);

  ReadPool& readers() { return readers_; }
  GroupCommit& writer() { return writer_; }

  // CheckKeys against what is stored now.
  absl::Status CheckLoaded(const std::vector<KeyFact>& loaded);
  // CheckLoaded, and if that is OK puts `loaded` on record, in one transaction.
  absl::Status RecordLoaded(const std::vector<KeyFact>& loaded);

 private:
  SqliteDatabase(OwnerLock lock, const SqliteConnection::Options& database);

  const OwnerLock lock_;  // First: let go last, when no connection is left.
  ReadPool readers_;
  GroupCommit writer_;
};

}  // namespace token_service::store
