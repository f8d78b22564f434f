#include "server/store/new_files.h"

#include <cstdio>

namespace token_service::store {

void NewFiles::Remove() {
  for (auto path = paths_.rbegin(); path != paths_.rend(); ++path) {
    (void)std::remove(path->c_str());  // unlink or rmdir, whichever it is.
  }
  paths_.clear();
}

}  // namespace token_service::store
