#pragma once

#include <sqlite3.h>

#include <atomic>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace token_service::testing {

// SQLite's file layer with a disk that fails on demand, and that knows what has reached it.
// Registered under name() while it lives. Any thread; one at a time in a process.
class FaultyVfs {
 public:
  FaultyVfs();
  ~FaultyVfs();
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;

  static const char* name() { return "faulty"; }

  // From now on every write returns this SQLite code; SQLITE_OK: they work.
  void FailWrites(int code) { write_result_ = code; }
  // The same for syncs.
  void FailSyncs(int code) { sync_result_ = code; }
  // And for opening files.
  void FailOpens(int code) { open_result_ = code; }

  // Syncs of the write-ahead log, each the end of a transaction that wrote something.
  int log_syncs() const { return log_syncs_; }
  // Something was written to the log since its last sync: a power cut would lose it.
  bool log_is_unsynced() const { return log_is_unsynced_; }
  // A part of the log was not written when a sync failed, and has not been written anew since: as a
  // kernel does, later syncs pass it by.
  bool log_has_a_hole() const;

 private:
  struct File;
  static int Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out);
  static int Write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset);
  static int Sync(sqlite3_file* file, int flags);
  static int Truncate(sqlite3_file* file, sqlite3_int64 size);
  static const sqlite3_io_methods* Methods();

  sqlite3_vfs* const real_;
  sqlite3_vfs vfs_;
  std::atomic<int> write_result_ = SQLITE_OK;
  std::atomic<int> sync_result_ = SQLITE_OK;
  std::atomic<int> open_result_ = SQLITE_OK;
  std::atomic<int> log_syncs_ = 0;
  std::atomic<bool> log_is_unsynced_ = false;
  mutable absl::Mutex mutex_;
  // Where in the log writes began that are not on the disk: until the next sync, and for good.
  std::set<sqlite3_int64> unsynced_ ABSL_GUARDED_BY(mutex_);
  std::set<sqlite3_int64> lost_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace token_service::testing
