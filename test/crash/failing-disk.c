/* A disk that fails on command, for tests: loaded before libc (LD_PRELOAD), it stands between a program and the calls that
   write and flush files. The file that FAILING_DISK names holds "<write|flush> <errno> <part of a path>"; while it is
   there, such calls on files whose path contains that part fail without having had any effect. A write to a file that was
   opened with O_DSYNC flushes as well: where flushing fails, the bytes are in the file all the same. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* The errno with which this call on this file has to fail; 0 when it has not. */
static int fault(const char *call, int fd) {
  const char *order = getenv("FAILING_DISK");
  FILE *file = order ? fopen(order, "re") : NULL;
  if (!file) return 0;
  char wanted[16] = "", part[256] = "", link[64], path[4096];
  int code = 0;
  int fields = fscanf(file, "%15s %d %255s", wanted, &code, part);
  fclose(file);
  if (fields != 3 || strcmp(wanted, call) != 0) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strstr(path, part) ? code : 0;
}

#define STAND_IN(type, name, call, parameters, ...)                                                   \
  type name parameters {                                                                              \
    static type(*real) parameters;                                                                    \
    if (!real) real = (type(*) parameters)dlsym(RTLD_NEXT, #name);                                    \
    int before = errno, code = fault(call, fd);                                                       \
    errno = code ? code : before;                                                                     \
    if (code) return -1;                                                                              \
    type done = real(__VA_ARGS__);                                                                    \
    if (strcmp(call, "write") != 0 || !(fcntl(fd, F_GETFL) & O_DSYNC) || !(code = fault("flush", fd))) \
      return done;                                                                                    \
    errno = code;                                                                                     \
    return -1;                                                                                        \
  }

STAND_IN(ssize_t, write, "write", (int fd, const void *data, size_t size), fd, data, size)
STAND_IN(ssize_t, writev, "write", (int fd, const struct iovec *parts, int count), fd, parts, count)
STAND_IN(ssize_t, pwrite, "write", (int fd, const void *data, size_t size, off_t at), fd, data, size, at)
STAND_IN(ssize_t, pwrite64, "write", (int fd, const void *data, size_t size, off64_t at), fd, data, size, at)
STAND_IN(int, fsync, "flush", (int fd), fd)
STAND_IN(int, fdatasync, "flush", (int fd), fd)
