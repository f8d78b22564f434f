// One counter under its lock, one without: ThreadSanitizer has to report the second, and nothing
// else.

#include <cstdio>
#include <thread>

#include "absl/synchronization/mutex.h"

int main() {
  absl::Mutex mutex;
  int locked = 0;
  int raced = 0;
  const auto count = [&] {
    for (int i = 0; i < 10'000; ++i) {
      absl::MutexLock lock(&mutex);
      ++locked;
    }
    ++raced;
  };
  std::thread one(count);
  std::thread other(count);
  one.join();
  other.join();
  std::printf("%d %d\n", locked, raced);
}
