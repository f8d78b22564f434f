#include "tests/store/faulty_vfs.h"

namespace token_service::testing {

// Ours first, then the real file's bytes, as SQLite's documentation of shims has it.
struct FaultyVfs::File {
  sqlite3_file base;
  FaultyVfs* owner;
  bool is_log;

  static File* From(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
  static sqlite3_file* Real(sqlite3_file* file) {
    return reinterpret_cast<sqlite3_file*>(From(file) + 1);
  }
};

namespace {

// Hands every call on to the real file.
template <auto Method, auto RealOf, typename... Args>
int Forward(sqlite3_file* file, Args... args) {
  sqlite3_file* const real = RealOf(file);
  return (real->pMethods->*Method)(real, args...);
}

}  // namespace

FaultyVfs::FaultyVfs() : real_(sqlite3_vfs_find(nullptr)), vfs_(*real_) {
  vfs_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
  vfs_.zName = name();
  vfs_.pNext = nullptr;
  vfs_.pAppData = this;
  vfs_.xOpen = &FaultyVfs::Open;
  sqlite3_vfs_register(&vfs_, /*makeDflt=*/0);
}

FaultyVfs::~FaultyVfs() { sqlite3_vfs_unregister(&vfs_); }

const sqlite3_io_methods* FaultyVfs::Methods() {
  using M = sqlite3_io_methods;
  static constexpr sqlite3_io_methods methods = {
      .iVersion = 2,  // No memory-mapped reads.
      .xClose = &Forward<&M::xClose, &File::Real>,
      .xRead = &Forward<&M::xRead, &File::Real, void*, int, sqlite3_int64>,
      .xWrite = &FaultyVfs::Write,
      .xTruncate = &FaultyVfs::Truncate,
      .xSync = &FaultyVfs::Sync,
      .xFileSize = &Forward<&M::xFileSize, &File::Real, sqlite3_int64*>,
      .xLock = &Forward<&M::xLock, &File::Real, int>,
      .xUnlock = &Forward<&M::xUnlock, &File::Real, int>,
      .xCheckReservedLock = &Forward<&M::xCheckReservedLock, &File::Real, int*>,
      .xFileControl = &Forward<&M::xFileControl, &File::Real, int, void*>,
      .xSectorSize = &Forward<&M::xSectorSize, &File::Real>,
      .xDeviceCharacteristics = &Forward<&M::xDeviceCharacteristics, &File::Real>,
      .xShmMap = &Forward<&M::xShmMap, &File::Real, int, int, int, void volatile**>,
      .xShmLock = &Forward<&M::xShmLock, &File::Real, int, int, int>,
      .xShmBarrier =
          [](sqlite3_file* file) { File::Real(file)->pMethods->xShmBarrier(File::Real(file)); },
      .xShmUnmap = &Forward<&M::xShmUnmap, &File::Real, int>,
      .xFetch = nullptr,
      .xUnfetch = nullptr,
  };
  return &methods;
}

int FaultyVfs::Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out) {
  auto* const self = static_cast<FaultyVfs*>(vfs->pAppData);
  File* const ours = File::From(file);
  ours->base.pMethods = nullptr;  // Tells SQLite not to close what was not opened.
  if (self->open_result_ != SQLITE_OK) return self->open_result_;
  ours->owner = self;
  ours->is_log = (flags & SQLITE_OPEN_WAL) != 0;
  const int code = self->real_->xOpen(self->real_, name, File::Real(file), flags, out);
  if (File::Real(file)->pMethods != nullptr) ours->base.pMethods = Methods();
  return code;
}

int FaultyVfs::Write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  const File* const ours = File::From(file);
  if (const int fault = ours->owner->write_result_; fault != SQLITE_OK) return fault;
  if (ours->is_log) {
    ours->owner->log_is_unsynced_ = true;
    absl::MutexLock lock(&ours->owner->mutex_);
    ours->owner->unsynced_.insert(offset);
    auto& lost = ours->owner->lost_;
    lost.erase(lost.lower_bound(offset), lost.lower_bound(offset + size));
  }
  sqlite3_file* const real = File::Real(file);
  return real->pMethods->xWrite(real, data, size, offset);
}

int FaultyVfs::Sync(sqlite3_file* file, int flags) {
  const File* const ours = File::From(file);
  if (const int fault = ours->owner->sync_result_; fault != SQLITE_OK) {
    absl::MutexLock lock(&ours->owner->mutex_);
    if (ours->is_log) ours->owner->lost_.merge(ours->owner->unsynced_);
    return fault;
  }
  sqlite3_file* const real = File::Real(file);
  const int code = real->pMethods->xSync(real, flags);
  if (code == SQLITE_OK && ours->is_log) {
    ours->owner->log_is_unsynced_ = false;
    ++ours->owner->log_syncs_;
    absl::MutexLock lock(&ours->owner->mutex_);
    ours->owner->unsynced_.clear();
  }
  return code;
}

int FaultyVfs::Truncate(sqlite3_file* file, sqlite3_int64 size) {
  const File* const ours = File::From(file);
  if (ours->is_log) {
    absl::MutexLock lock(&ours->owner->mutex_);
    ours->owner->lost_.erase(ours->owner->lost_.lower_bound(size), ours->owner->lost_.end());
  }
  sqlite3_file* const real = File::Real(file);
  return real->pMethods->xTruncate(real, size);
}

bool FaultyVfs::log_has_a_hole() const {
  absl::MutexLock lock(&mutex_);
  return !lost_.empty();
}

}  // namespace token_service::testing
