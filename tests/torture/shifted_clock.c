/* LD_PRELOAD: a wall clock (CLOCK_REALTIME) that somebody sets. The other clocks go on.
 * TORTURE_CLOCK names a file that holds a number of seconds, 64 bits, shared with whoever sets it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t* shift;

__attribute__((constructor)) static void MapShift(void) {
  const char* path = getenv("TORTURE_CLOCK");
  int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  void* words = mmap(NULL, 8, PROT_READ, MAP_SHARED, fd, 0);
  if (words != MAP_FAILED) shift = words;
  close(fd);
}

static int64_t Shift(void) { return shift == NULL ? 0 : *shift; }

int clock_gettime(clockid_t clock, struct timespec* now) {
  static int (*real)(clockid_t, struct timespec*);
  if (real == NULL) real = dlsym(RTLD_NEXT, "clock_gettime");
  int code = real(clock, now);
  if (clock == CLOCK_REALTIME) now->tv_sec += Shift();
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
