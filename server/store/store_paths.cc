#include "server/store/store_paths.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "server/store/files.h"

namespace token_service::store {
namespace {

bool HoldsSomething(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && status.st_size > 0;
}

}  // namespace

std::string DatabasePath(const std::string& data_dir) {
  return absl::StrCat(data_dir, "/credentials.db");
}

std::string OwnerLockPath(const std::string& data_dir) {
  return absl::StrCat(data_dir, "/owner.lock");
}

std::string RestoringPath(const std::string& data_dir) {
  return absl::StrCat(DatabasePath(data_dir), ".restoring");
}

bool MayHoldStore(const std::string& data_dir) {
  const std::string path = DatabasePath(data_dir);
  return HoldsSomething(path) || HoldsSomething(path + "-wal");
}

bool IsRestoreUnfinished(const std::string& data_dir) {
  return access(RestoringPath(data_dir).c_str(), F_OK) == 0;
}

absl::Status GiveToOwnerOfDirectory(const std::string& data_dir) {
  struct stat directory {};
  if (geteuid() != 0) return absl::OkStatus();
  if (stat(data_dir.c_str(), &directory) != 0) return FileError("cannot read", data_dir, errno);
  const std::string database = DatabasePath(data_dir);
  for (const std::string& path :
       {database, database + "-wal", database + "-shm", OwnerLockPath(data_dir)}) {
    struct stat file {};
    if (lstat(path.c_str(), &file) != 0 || !S_ISREG(file.st_mode) || file.st_uid != 0) continue;
    if (lchown(path.c_str(), directory.st_uid, directory.st_gid) != 0) {
      return FileError("cannot give away", path, errno);
    }
  }
  return absl::OkStatus();
}

}  // namespace token_service::store
