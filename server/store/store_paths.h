#pragma once

#include <string>

#include "absl/status/status.h"

namespace token_service::store {

// What lies in a data directory.

std::string DatabasePath(const std::string& data_dir);   // The store.
std::string OwnerLockPath(const std::string& data_dir);  // See OwnerLock.
// A store that `restore` has not finished yet.
std::string RestoringPath(const std::string& data_dir);

// Whether the database or its log holds anything: a file of no bytes is as good as none.
bool MayHoldStore(const std::string& data_dir);

bool IsRestoreUnfinished(const std::string& data_dir);

// Where root has made files for a server that does not run as root, they become those of whom the
// directory belongs to. Others than root do nothing.
absl::Status GiveToOwnerOfDirectory(const std::string& data_dir);

}  // namespace token_service::store
