/* LD_PRELOAD: a disk under the credential database that fails on demand. Other files are left alone.
 *
 * TORTURE_DISK names a file of eight 32-bit words, shared with whoever decides:
 *   [0] the fault, one of those below   [1] for DIE: writes left until then   [2] how often it struck
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

enum Fault {
  NONE,
  FULL,      /* ENOSPC */
  READ_ONLY, /* EROFS, as after a remount; opening for writing too */
  NO_SYNC,   /* EIO from fsync and fdatasync: what was written may or may not be there */
  SHORT,     /* half of each write is done and said to be done */
  TORN_FULL, /* half of each write is done, then ENOSPC */
  DIE        /* half of a write is done, and the process is killed */
};

enum { MOST_FILES = 4096 };
static char watched[MOST_FILES];
static volatile uint32_t* control;

__attribute__((constructor)) static void MapControl(void) {
  const char* path = getenv("TORTURE_DISK");
  if (path == NULL) return;
  int (*real_open)(const char*, int, ...) = dlsym(RTLD_NEXT, "open");
  int fd = real_open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void* words = mmap(NULL, 32, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (words != MAP_FAILED) control = words;
  close(fd);
}

static enum Fault FaultOf(int fd) {
  if (control == NULL || fd < 0 || fd >= MOST_FILES || !watched[fd]) return NONE;
  return (enum Fault)control[0];
}

static void Strike(void) { __atomic_add_fetch(&control[2], 1, __ATOMIC_RELAXED); }

static int Fail(int code) {
  Strike();
  errno = code;
  return -1;
}

static void Watch(int fd, const char* path) {
  if (fd < 0 || fd >= MOST_FILES) return;
  const char* name = strstr(path, "credentials.db");
  watched[fd] = name != NULL && strcmp(name, "credentials.db-shm") != 0;
}

#define OPEN(name)                                                          \
  int name(const char* path, int flags, ...) {                              \
    static int (*real)(const char*, int, ...);                              \
    if (real == NULL) real = dlsym(RTLD_NEXT, #name);                       \
    mode_t mode = 0;                                                        \
    if (flags & (O_CREAT | __O_TMPFILE)) {                                  \
      va_list rest;                                                         \
      va_start(rest, flags);                                                \
      mode = va_arg(rest, mode_t);                                          \
      va_end(rest);                                                         \
    }                                                                       \
    const int writing = (flags & O_ACCMODE) != O_RDONLY;                    \
    const int ours = control != NULL && strstr(path, "credentials.db") != 0; \
    if (ours && writing && control[0] == READ_ONLY) return Fail(EROFS);     \
    int fd = real(path, flags, mode);                                       \
    Watch(fd, path);                                                        \
    return fd;                                                              \
  }
OPEN(open)
OPEN(open64)

#define WRITE(name, OFFSET_PARAMETER, OFFSET)                                          \
  ssize_t name(int fd, const void* data, size_t size OFFSET_PARAMETER) {               \
    static ssize_t (*real)(int, const void*, size_t OFFSET_PARAMETER);                 \
    if (real == NULL) real = dlsym(RTLD_NEXT, #name);                                  \
    switch (FaultOf(fd)) {                                                             \
      case FULL:                                                                       \
        return Fail(ENOSPC);                                                           \
      case READ_ONLY:                                                                  \
        return Fail(EROFS);                                                            \
      case SHORT:                                                                      \
        Strike();                                                                      \
        return real(fd, data, size > 1 ? size / 2 : size OFFSET);                      \
      case TORN_FULL:                                                                  \
        (void)!real(fd, data, size / 2 OFFSET);                                        \
        return Fail(ENOSPC);                                                           \
      case DIE:                                                                        \
        if (__atomic_sub_fetch(&control[1], 1, __ATOMIC_RELAXED) != 0) break;          \
        (void)!real(fd, data, size / 2 OFFSET);                                        \
        Strike();                                                                      \
        kill(getpid(), SIGKILL);                                                       \
        pause();                                                                       \
        break;                                                                         \
      case NONE:                                                                       \
      case NO_SYNC:                                                                    \
        break;                                                                         \
    }                                                                                  \
    return real(fd, data, size OFFSET);                                                \
  }
#define COMMA ,
WRITE(write, , )
WRITE(pwrite, COMMA off_t offset, COMMA offset)
WRITE(pwrite64, COMMA off64_t offset, COMMA offset)

#define SYNC(name)                                    \
  int name(int fd) {                                  \
    static int (*real)(int);                          \
    if (real == NULL) real = dlsym(RTLD_NEXT, #name); \
    if (FaultOf(fd) == NO_SYNC) return Fail(EIO);     \
    return real(fd);                                  \
  }
SYNC(fsync)
SYNC(fdatasync)
