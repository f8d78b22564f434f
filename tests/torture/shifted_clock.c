/* LD_PRELOAD: a wall clock (CLOCK_REALTIME) that somebody sets, and a clock of the machine (CLOCK_BOOTTIME) that somebody moves
 * on, with the timers that go by it. CLOCK_MONOTONIC goes on as it is: the libraries' own waits go by it.
 * TORTURE_CLOCK names a file of two numbers, 64 bits each, shared with whoever writes them: seconds for the first clock (a file
 * may end here), nanoseconds for the second. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { kTimers = 64, kNanos = 1000000000 };

static volatile int64_t* words;
static atomic_int timers[kTimers]; /* Each a file descriptor and one. */
static atomic_int timer_count;

/* A timer that goes off early makes its owner look at the clock. */
static void FireTimers(void) {
  int count = atomic_load(&timer_count);
  for (int i = 0; i < count && i < kTimers; i++) {
    int fd = atomic_load(&timers[i]) - 1;
    struct itimerspec left;
    if (fd < 0 || timerfd_gettime(fd, &left) != 0) continue;
    if (left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0) continue; /* Not set. */
    struct itimerspec now = {.it_value = {.tv_nsec = 1}};
    timerfd_settime(fd, 0, &now, NULL);
  }
}

static void* FollowMoves(void* unused) {
  int64_t seen = words[1];
  const struct timespec tick = {.tv_nsec = 2000000}, settle = {.tv_nsec = 20000000};
  for (;; nanosleep(&tick, NULL)) {
    int64_t now = words[1];
    if (now == seen) continue;
    seen = now;
    FireTimers();
    nanosleep(&settle, NULL); /* Until whoever has read the clock before has set its timer by that. */
    FireTimers();
  }
  return unused;
}

__attribute__((constructor)) static void MapShifts(void) {
  const char* path = getenv("TORTURE_CLOCK");
  int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  void* mapped = mmap(NULL, 16, PROT_READ, MAP_SHARED, fd, 0); /* Zero behind the file's end. */
  close(fd);
  if (mapped == MAP_FAILED) return;
  words = mapped;
  /* The program's signals are for its own threads. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  pthread_t thread;
  if (pthread_create(&thread, NULL, FollowMoves, NULL) == 0) pthread_detach(thread);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static int64_t Shift(void) { return words == NULL ? 0 : words[0]; }

int timerfd_create(int clock, int flags) {
  static int (*real)(int, int);
  if (real == NULL) real = dlsym(RTLD_NEXT, "timerfd_create");
  int fd = real(clock, flags);
  if (fd >= 0 && clock == CLOCK_BOOTTIME) {
    int index = atomic_fetch_add(&timer_count, 1);
    if (index >= kTimers) abort();
    atomic_store(&timers[index], fd + 1);
  }
  return fd;
}

int clock_gettime(clockid_t clock, struct timespec* now) {
  static int (*real)(clockid_t, struct timespec*);
  if (real == NULL) real = dlsym(RTLD_NEXT, "clock_gettime");
  int code = real(clock, now);
  if (clock == CLOCK_REALTIME) now->tv_sec += Shift();
  if (clock == CLOCK_BOOTTIME && words != NULL) {
    int64_t nanos = now->tv_nsec + words[1];
    now->tv_sec += nanos / kNanos;
    now->tv_nsec = nanos % kNanos;
  }
  return code;
}

int gettimeofday(struct timeval* now, void* zone) {
  static int (*real)(struct timeval*, void*);
  if (real == NULL) real = dlsym(RTLD_NEXT, "gettimeofday");
  int code = real(now, zone);
  now->tv_sec += Shift();
  return code;
}

time_t time(time_t* out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != NULL) *out = now.tv_sec;
  return now.tv_sec;
}
