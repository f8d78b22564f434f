#pragma once

#include <string>
#include <vector>

namespace token_service::store {

// Files and directories that this process has just made where there was nothing. What a start has
// made and cannot use it takes away again: only while what it made is locked, since another may
// have taken it over otherwise.
class NewFiles {
 public:
  void Note(std::string path) { paths_.push_back(std::move(path)); }

  // They stay.
  void Keep() { paths_.clear(); }

  // The last first. A directory that holds something else stays.
  void Remove();

 private:
  std::vector<std::string> paths_;
};

}  // namespace token_service::store
