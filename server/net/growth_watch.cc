#include "server/net/growth_watch.h"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

// tcmalloc's, where the program has it.
extern "C" void MallocExtension_ReleaseFreeMemory() __attribute__((weak));

namespace token_service::net {

bool GrowthWatch::Grows(uint64_t resident_bytes) {
  uint64_t least = resident_bytes;
  for (const uint64_t earlier : recent_) {
    if (earlier != 0) least = std::min(least, earlier);
  }
  recent_[next_] = resident_bytes;
  next_ = (next_ + 1) % recent_.size();
  return resident_bytes - least > kMost;
}

uint64_t ResidentBytes() {
  char text[128] = {};
  const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t size = read(fd, text, sizeof(text) - 1);
  close(fd);
  uint64_t all = 0;
  uint64_t resident = 0;
  if (size <= 0 || std::sscanf(text, "%lu %lu", &all, &resident) != 2) return 0;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

void ReleaseFreeMemory() {
  malloc_trim(0);
  if (MallocExtension_ReleaseFreeMemory != nullptr) MallocExtension_ReleaseFreeMemory();
}

}  // namespace token_service::net
