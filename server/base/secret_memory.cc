#include "server/base/secret_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <new>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

#if defined(__SANITIZE_ADDRESS__)
#define TS_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TS_ADDRESS_SANITIZER 1
#endif
#endif
#ifdef TS_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(data, size) ((void)(data), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(data, size) ((void)(data), (void)(size))
#endif

namespace token_service {
namespace {

constexpr size_t kPage = 4096;
// The first chunk fits the least limit that systems have (64 KiB); the next are twice as large
// each.
constexpr size_t kFirstChunk = size_t{48} * 1024;
constexpr size_t kMaxChunk = size_t{1024} * 1024;
// What is larger, such as a provider's whole answer, has pages of its own while it lives.
constexpr size_t kMaxBlock = size_t{16} * 1024;

// Blocks come in sizes of 16, 32, 48, 64, and then four to each doubling: a quarter is wasted at
// most. The class of 2^n < size <= 2^(n+1) is the quarter of that span it ends in.
constexpr size_t ClassOf(size_t size) {
  if (size <= 64) return (size + 15) / 16 - 1;
  const size_t doubling = std::bit_width(size - 1) - 1;  // From 6.
  return 4 * (doubling - 5) + ((size - 1 - (size_t{1} << doubling)) >> (doubling - 2));
}

constexpr size_t SizeOf(size_t size_class) {
  if (size_class < 4) return 16 * (size_class + 1);
  const size_t doubling = size_class / 4 + 5;
  return (size_t{1} << doubling) + ((size_class % 4 + 1) << (doubling - 2));
}

constexpr size_t kClasses = ClassOf(kMaxBlock) + 1;
static_assert(SizeOf(ClassOf(1)) == 16 && SizeOf(ClassOf(64)) == 64 && SizeOf(ClassOf(65)) == 80);
static_assert(SizeOf(ClassOf(128)) == 128 && SizeOf(ClassOf(129)) == 160);
static_assert(SizeOf(kClasses - 1) == kMaxBlock);

std::atomic<size_t> locked_bytes = 0;
std::atomic<size_t> unlocked_bytes = 0;

// Whole pages. `lock` says whether to try, and then whether it worked.
char* Map(size_t size, bool& lock) {
  void* const pages =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  madvise(pages, size, MADV_DONTDUMP);
  lock = lock && mlock(pages, size) == 0;
  (lock ? locked_bytes : unlocked_bytes) += size;
  return static_cast<char*>(pages);
}

void Unmap(char* pages, size_t size, bool locked) {
  munmap(pages, size);
  (locked ? locked_bytes : unlocked_bytes) -= size;
}

// Blocks cut from chunks, which are never given back.
class Arena {
 public:
  char* Allocate(size_t size) {
    const size_t size_class = ClassOf(size);
    absl::MutexLock lock(&mutex_);
    Free* block = free_[size_class];
    if (block != nullptr) {
      ASAN_UNPOISON_MEMORY_REGION(block, sizeof(Free));
      free_[size_class] = block->next;
    } else {
      block = Cut(size_class);
    }
    ASAN_POISON_MEMORY_REGION(block, SizeOf(size_class));
    ASAN_UNPOISON_MEMORY_REGION(block, size);
    return reinterpret_cast<char*>(block);
  }

  void Release(char* data, size_t size) {
    explicit_bzero(data, size);
    absl::MutexLock lock(&mutex_);
    Keep(data, ClassOf(size));
  }

 private:
  struct Free {
    Free* next;
  };

  void Keep(char* data, size_t size_class) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    ASAN_UNPOISON_MEMORY_REGION(data, sizeof(Free));
    free_[size_class] = new (data) Free{free_[size_class]};
    ASAN_POISON_MEMORY_REGION(data, SizeOf(size_class));
  }

  Free* Cut(size_t size_class) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const size_t size = SizeOf(size_class);
    if (left_ < size) Refill();
    char* const block = rest_;
    rest_ += size;
    left_ -= size;
    ASAN_UNPOISON_MEMORY_REGION(block, sizeof(Free));
    return new (block) Free{nullptr};
  }

  // A system call under the mutex: seldom, and it waits for nobody.
  void Refill() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    // What is left of the chunk serves smaller ones. Sizes are multiples of 16, and so is it.
    while (left_ >= 16) {
      size_t size_class = ClassOf(left_);
      if (SizeOf(size_class) > left_) --size_class;
      Keep(rest_, size_class);
      rest_ += SizeOf(size_class);
      left_ -= SizeOf(size_class);
    }
    size_t size = chunk_size_;
    bool locked = lockable_;
    char* chunk = Map(size, locked);
    if (lockable_ && !locked && size > kFirstChunk) {
      // A smaller one may still fit below the limit.
      Unmap(chunk, size, locked);
      size = kFirstChunk;
      locked = true;
      chunk = Map(size, locked);
    }
    lockable_ = locked;
    chunk_size_ = std::min(2 * chunk_size_, kMaxChunk);
    ASAN_POISON_MEMORY_REGION(chunk, size);
    rest_ = chunk;
    left_ = size;
  }

  absl::Mutex mutex_;
  std::array<Free*, kClasses> free_ ABSL_GUARDED_BY(mutex_) = {};
  char* rest_ ABSL_GUARDED_BY(mutex_) = nullptr;  // Of the newest chunk: not cut yet.
  size_t left_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t chunk_size_ ABSL_GUARDED_BY(mutex_) = kFirstChunk;
  bool lockable_ ABSL_GUARDED_BY(mutex_) = true;  // The limit has not been met yet.
};

// Never destroyed: Secrets of static storage may go after it.
Arena& TheArena() {
  static Arena& arena = *new Arena;
  return arena;
}

constexpr size_t ToPages(size_t size) { return (size + kPage - 1) / kPage * kPage; }

}  // namespace

char* AllocateSecret(size_t size) {
  if (size <= kMaxBlock) return TheArena().Allocate(size);
  // Its first page remembers whether it is locked.
  bool locked = true;
  char* const pages = Map(kPage + ToPages(size), locked);
  pages[0] = locked ? 1 : 0;
  return pages + kPage;
}

void FreeSecret(char* data, size_t size) {
  if (size <= kMaxBlock) return TheArena().Release(data, size);
  explicit_bzero(data, size);
  char* const pages = data - kPage;
  Unmap(pages, kPage + ToPages(size), pages[0] != 0);
}

SecretMemoryUse GetSecretMemoryUse() {
  return {.locked = locked_bytes.load(), .unlocked = unlocked_bytes.load()};
}

}  // namespace token_service
