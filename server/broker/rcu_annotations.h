#pragma once

// liburcu orders memory by means that ThreadSanitizer does not see. These state, at the places
// where we rely on it, what liburcu guarantees, so that the sanitizer can find what it does not.

#if defined(__SANITIZE_THREAD__)
#define TOKEN_SERVICE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TOKEN_SERVICE_TSAN 1
#endif
#endif

#ifdef TOKEN_SERVICE_TSAN
#include <sanitizer/tsan_interface.h>

extern "C" {
void __tsan_ignore_thread_begin();
void __tsan_ignore_thread_end();
}
#endif

namespace token_service::broker {

#ifdef TOKEN_SERVICE_TSAN
inline char rcu_domain = 0;
// A writer finished making the node, and is about to link it.
inline void RcuNodeIsMade(void* node) { __tsan_release(node); }
// A reader found the linked node: what was written before the linking is visible.
inline void RcuNodeIsSeen(void* node) { __tsan_acquire(node); }
// A reader is done with all it saw …
inline void RcuReaderLeaves() { __tsan_release(&rcu_domain); }
// … before what a grace period later frees is freed.
inline void RcuReadersAreGone() { __tsan_acquire(&rcu_domain); }
// What urcu_bp_barrier allocates for itself, a thread of liburcu frees.
inline void RcuBarrierBegins() { __tsan_ignore_thread_begin(); }
inline void RcuBarrierEnds() { __tsan_ignore_thread_end(); }
#else
inline void RcuNodeIsMade(void*) {}
inline void RcuNodeIsSeen(void*) {}
inline void RcuReaderLeaves() {}
inline void RcuReadersAreGone() {}
inline void RcuBarrierBegins() {}
inline void RcuBarrierEnds() {}
#endif

}  // namespace token_service::broker
