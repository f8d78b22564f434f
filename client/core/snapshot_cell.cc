#include "client/core/snapshot_cell.h"

#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <optional>
#include <utility>

namespace token_service::client {
namespace {

constexpr size_t kMostStripes = 64;
constexpr size_t kCacheLine = 64;
// A stripe that has been closed counts from here: far above every number of holders.
constexpr int64_t kClosed = int64_t{1} << 62;
// Held by whoever closes the stripes, so that nobody finds the last holder gone meanwhile.
constexpr int64_t kClosing = int64_t{1} << 40;

size_t StripeCount() {
  const long processors = sysconf(_SC_NPROCESSORS_CONF);
  size_t count = 1;
  while (count < kMostStripes && static_cast<long>(count) < processors) count *= 2;
  return count;
}

}  // namespace

struct alignas(kCacheLine) TokenOrError::Stripe {
  std::atomic<int64_t> holders = 0;
};

struct TokenOrError::Block {
  explicit Block(size_t count) : mask(count - 1), stripes(std::make_unique<Stripe[]>(count)) {}

  Stripe& Mine() {
    const int processor = sched_getcpu();
    return stripes[static_cast<size_t>(std::max(processor, 0)) & mask];
  }

  bool Held() const {
    for (size_t i = 0; i <= mask; ++i) {
      if (stripes[i].holders.load(std::memory_order_seq_cst) != 0) return true;
    }
    return false;
  }

  // From now on the block belongs to those who hold it: the last one deletes it.
  void Disown() {
    int64_t holders = 0;
    for (size_t i = 0; i <= mask; ++i) {
      holders += stripes[i].holders.exchange(kClosed, std::memory_order_acq_rel);
    }
    if (Leave(kClosing - holders)) delete this;
  }

  // True: nobody is left.
  bool Leave(int64_t how_many) {
    return disowned_holders.fetch_sub(how_many, std::memory_order_acq_rel) == how_many;
  }

  const size_t mask;
  const std::unique_ptr<Stripe[]> stripes;
  std::atomic<int64_t> disowned_holders = kClosing;
  Snapshot snapshot;
};

const TokenError& TokenOrError::error() const { return block_->snapshot.error; }

void TokenOrError::Release() {
  // The block may be gone once this is done, unless the stripe was closed, which makes this the
  // business of the last holder.
  const int64_t before = stripe_->holders.fetch_sub(1, std::memory_order_acq_rel);
  if (before > kClosed / 2 && block_->Leave(1)) delete block_;
}

SnapshotCell::SnapshotCell(Snapshot first, Snapshot in_child)
    : stripes_(StripeCount()),
      page_([] {
        void* const page =
            mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED) throw std::bad_alloc();
        madvise(page, sizeof(Page), MADV_WIPEONFORK);
        return new (page) Page;
      }()),
      in_child_(std::make_unique<Block>(stripes_)) {
  in_child_->snapshot = std::move(in_child);
  Publish(std::move(first));
}

SnapshotCell::~SnapshotCell() {
  munmap(page_, sizeof(Page));
  for (Block* const block : free_) delete block;
  for (Block* const block : retired_) block->Disown();
  published_->Disown();
}

TokenOrError SnapshotCell::Read() const {
  while (true) {
    Block* const seen = page_->current.load(std::memory_order_acquire);
    Block* const block = seen != nullptr ? seen : in_child_.get();
    TokenOrError::Stripe& mine = block->Mine();
    // Before the second look, as the writer publishes before it looks for holders: of the two, one
    // sees the other.
    mine.holders.fetch_add(1, std::memory_order_seq_cst);
    if (page_->current.load(std::memory_order_seq_cst) == seen) {
      return TokenOrError(block, &mine, block->snapshot.token.get());
    }
    mine.holders.fetch_sub(1, std::memory_order_release);
  }
}

void SnapshotCell::Publish(Snapshot next) {
  Block* const block = TakeFree();
  block->snapshot = std::move(next);
  page_->current.store(block, std::memory_order_seq_cst);
  if (published_ != nullptr) retired_.push_back(published_);
  published_ = block;
  Sweep();
}

size_t SnapshotCell::Sweep() {
  // Once a retired block was seen without holders it gets none: a reader that comes to it late sees
  // that it is not current, and has not looked into it.
  const auto held = std::partition(retired_.begin(), retired_.end(),
                                   [](const Block* block) { return block->Held(); });
  for (auto block = held; block != retired_.end(); ++block) {
    (*block)->snapshot = {};
    free_.push_back(*block);
  }
  retired_.erase(held, retired_.end());
  return retired_.size();
}

bool SnapshotCell::InChild() const {
  return page_->current.load(std::memory_order_acquire) == nullptr;
}

TokenOrError SnapshotCell::Alone(Snapshot snapshot) {
  auto* const block = new Block(1);
  block->snapshot = std::move(snapshot);
  TokenOrError::Stripe& stripe = block->stripes[0];
  stripe.holders.store(1, std::memory_order_relaxed);
  block->Disown();
  return TokenOrError(block, &stripe, block->snapshot.token.get());
}

SnapshotCell::Block* SnapshotCell::TakeFree() {
  if (free_.empty()) return new Block(stripes_);
  Block* const block = free_.back();
  free_.pop_back();
  return block;
}

}  // namespace token_service::client
