#pragma once

#include <atomic>
#include <memory>
#include <utility>

namespace token_service::broker {

// What a surface made of a token once, so as to send it without making it again. One kind in a
// process: the surface knows what it put there. Immutable.
class PreparedAnswer {
 public:
  virtual ~PreparedAnswer() = default;
};

// Where a token keeps it: empty until somebody first asks for the token, then fixed. Any thread.
class PreparedAnswerSlot {
 public:
  PreparedAnswerSlot() = default;
  // A token moves only before anybody shares it.
  PreparedAnswerSlot(PreparedAnswerSlot&& other) noexcept
      : answer_(other.answer_.exchange(nullptr, std::memory_order_acq_rel)) {}
  PreparedAnswerSlot& operator=(PreparedAnswerSlot&&) = delete;
  ~PreparedAnswerSlot() { delete answer_.load(std::memory_order_acquire); }

  // Null: none yet.
  const PreparedAnswer* get() const { return answer_.load(std::memory_order_acquire); }

  // Keeps `answer`, unless another thread came first. What is kept.
  const PreparedAnswer& Keep(std::unique_ptr<const PreparedAnswer> answer) const {
    const PreparedAnswer* kept = nullptr;
    if (answer_.compare_exchange_strong(kept, answer.get(), std::memory_order_acq_rel)) {
      return *answer.release();
    }
    return *kept;
  }

 private:
  mutable std::atomic<const PreparedAnswer*> answer_ = nullptr;
};

}  // namespace token_service::broker
