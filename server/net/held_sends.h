#pragma once

#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/base/clock.h"

namespace token_service::net {

// Lets the answers to calls that came together leave together. gRPC sends each answer by itself as
// soon as it is finished, and making and delivering its TCP segment is a fifth of the CPU of a
// cached call. While a thread answers calls that follow each other closely, what it sends is
// therefore held by the kernel (MSG_MORE), and pushed out when the thread comes to the end of what
// was waiting, or by each sixteenth send. A call by itself is not held.
// docs/adr/0019-answers-leave-together.md
//
// Of one thread, which answers and sends; Push may come from any.
class HeldSends {
 public:
  // `push`: has the kernel send what it holds of a connection.
  explicit HeldSends(void (*push)(int fd) = PushOut) : push_(push) {}

  // This thread answers a call. True: what it sends is held from now on, and the caller sees to it
  // that Push is called soon.
  bool Answers(MonotonicTime now) ABSL_LOCKS_EXCLUDED(mutex_);

  // For a sendmsg of this thread.
  bool Hold() ABSL_LOCKS_EXCLUDED(mutex_);
  // What was to be held has been sent.
  void Held(int fd) ABSL_LOCKS_EXCLUDED(mutex_);

  // Nothing is held any more.
  void Push() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  static void PushOut(int fd);

  void (*const push_)(int fd);
  // Only its own thread looks at these.
  MonotonicTime last_answer_ = MonotonicTime() - absl::InfiniteDuration();
  int sends_ = 0;

  absl::Mutex mutex_;
  bool holding_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<int> held_ ABSL_GUARDED_BY(mutex_);  // With hardly ever more than one connection.
};

// Those of this thread, from now on and for ever: whoever has them push may outlive the thread.
HeldSends& ThisThreadsSends();

}  // namespace token_service::net
