#include "server/api/held_sends.h"

#include <grpc/grpc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace token_service::api {
namespace {

// Calls further apart were not waiting together.
constexpr absl::Duration kClose = absl::Microseconds(50);
constexpr int kMostHeld = 16;

// Of one thread of gRPC's. Never freed: gRPC may have it in its queue when the thread ends, and
// there are as many as such threads.
struct AnsweringThread : grpc_completion_queue_functor {
  AnsweringThread() : grpc_completion_queue_functor{} {
    functor_run = [](grpc_completion_queue_functor* self, int) {
      static_cast<AnsweringThread*>(self)->sends.Push();
    };
  }

  HeldSends sends;
};

// Null: has answered nothing.
thread_local AnsweringThread* t_this_thread = nullptr;

AnsweringThread& ThisThread() {
  if (t_this_thread == nullptr) {
    // Leak checkers find them here.
    static absl::Mutex mutex;
    static auto* const all = new std::vector<std::unique_ptr<AnsweringThread>>;
    absl::MutexLock lock(&mutex);
    t_this_thread = all->emplace_back(std::make_unique<AnsweringThread>()).get();
  }
  return *t_this_thread;
}

}  // namespace

bool HeldSends::Answers(MonotonicTime now) {
  const bool together = now - last_answer_ < kClose;
  last_answer_ = now;
  if (!together) return false;
  absl::MutexLock lock(&mutex_);
  return !std::exchange(holding_, true);
}

bool HeldSends::Hold() {
  absl::MutexLock lock(&mutex_);
  return holding_ && ++sends_ % kMostHeld != 0;
}

void HeldSends::Held(int fd) {
  {
    absl::MutexLock lock(&mutex_);
    if (holding_) {
      if (std::find(held_.begin(), held_.end(), fd) == held_.end()) held_.push_back(fd);
      return;
    }
  }
  // Push came between.
  push_(fd);
}

void HeldSends::Push() {
  std::vector<int> held;
  {
    absl::MutexLock lock(&mutex_);
    holding_ = false;
    held.swap(held_);
  }
  for (const int fd : held) push_(fd);
}

// Whatever the number has become meanwhile: it does nothing that gRPC, curl and libpq have not done
// to each of their sockets, and fails on everything else.
void HeldSends::PushOut(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void AnswerTogether(grpc::CallbackServerContext& context, MonotonicTime now) {
  AnsweringThread& thread = ThisThread();
  if (!thread.sends.Answers(now)) return;
  // A batch of nothing is complete at once, and so stands at the end of the queue from which gRPC's
  // threads take the calls that wait to be answered.
  if (grpc_call_start_batch(context.c_call(), nullptr, 0, &thread, nullptr) != GRPC_CALL_OK) {
    thread.sends.Push();
  }
}

}  // namespace token_service::api

// Instead of the C library's, for this whole program; gRPC is who calls it.
extern "C" ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  using namespace token_service::api;  // NOLINT(google-build-using-namespace)
  AnsweringThread* const thread = t_this_thread;
  const bool hold = thread != nullptr && thread->sends.Hold();
  const ssize_t sent = syscall(SYS_sendmsg, fd, message, hold ? flags | MSG_MORE : flags);
  if (hold && sent > 0) thread->sends.Held(fd);
  return sent;
}
