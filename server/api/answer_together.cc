#include "server/api/answer_together.h"

#include <grpc/grpc.h>

#include <memory>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "server/net/held_sends.h"

namespace token_service::api {
namespace {

// Of one thread of gRPC's. Never freed: gRPC may have it in its queue when the thread ends, and
// there are as many as such threads.
struct EndOfBurst : grpc_completion_queue_functor {
  explicit EndOfBurst(net::HeldSends& held) : grpc_completion_queue_functor{}, sends(held) {
    functor_run = [](grpc_completion_queue_functor* self, int) {
      static_cast<EndOfBurst*>(self)->sends.Push();
    };
  }

  net::HeldSends& sends;
};

EndOfBurst& OfThisThread() {
  static thread_local EndOfBurst* t_end = nullptr;
  if (t_end == nullptr) {
    // Leak checkers find them here.
    static absl::Mutex mutex;
    static auto* const all = new std::vector<std::unique_ptr<EndOfBurst>>;
    absl::MutexLock lock(&mutex);
    t_end = all->emplace_back(std::make_unique<EndOfBurst>(net::ThisThreadsSends())).get();
  }
  return *t_end;
}

}  // namespace

void AnswerTogether(grpc::CallbackServerContext& context, MonotonicTime now) {
  EndOfBurst& end = OfThisThread();
  if (!end.sends.Answers(now)) return;
  // A batch of nothing is complete at once, and so stands at the end of the queue from which gRPC's
  // threads take the calls that wait to be answered.
  if (grpc_call_start_batch(context.c_call(), nullptr, 0, &end, nullptr) != GRPC_CALL_OK) {
    end.sends.Push();
  }
}

}  // namespace token_service::api
