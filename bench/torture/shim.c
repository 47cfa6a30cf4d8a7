/* Makes chosen file operations below a folder fail; preloaded with LD_PRELOAD.

   SHIM_PREFIX  the folder, absolute: operations on paths below it, and on descriptors opened there, are counted
   SHIM_NTH     the number of the first operation that fails, from 1; 0: none
   SHIM_TIMES   how many operations fail from there on
   SHIM_ERRNO   the error; 0: a write is short instead
   SHIM_REPORT  a file that gets a line for each operation that fails, or for each counted one if SHIM_NTH is 0

   The environment is read at each operation, so a process that was forked can still be told what to do. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_FD 65536
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static atomic_char below[MAX_FD]; /* by descriptor: 1 if it was opened below the prefix */
static atomic_long counted;

static long number(const char *name) {
    const char *value = getenv(name);
    return value ? atol(value) : 0;
}

static int is_below(const char *path) {
    const char *prefix = getenv("SHIM_PREFIX");
    size_t length = prefix ? strlen(prefix) : 0;
    return length && path && !strncmp(path, prefix, length) && (path[length] == '/' || !path[length]);
}

static int is_open_below(int fd) { return getenv("SHIM_PREFIX") && fd >= 0 && fd < MAX_FD && below[fd]; }

static int concerns(int folder, const char *path) {
    return path && path[0] == '/' ? is_below(path) : is_open_below(folder);
}

static void report(long nth, const char *operation, const char *path) {
    const char *target = getenv("SHIM_REPORT");
    char line[512];
    int length = snprintf(line, sizeof line, "%ld %s %.400s\n", nth, operation, path ? path : "-");
    int fd = target ? (int)syscall(SYS_openat, AT_FDCWD, target, O_WRONLY | O_CREAT | O_APPEND, 0644) : -1;
    if (fd < 0) return;
    syscall(SYS_write, fd, line, (size_t)length);
    syscall(SYS_close, fd);
}

/* Count an operation; return 1 if it has to fail. */
static int fails(const char *operation, const char *path) {
    long nth = ++counted, first = number("SHIM_NTH"), times = number("SHIM_TIMES");
    int is_chosen = first && nth >= first && nth < first + (times ? times : 1);
    if (is_chosen || !first) report(nth, operation, path);
    return is_chosen;
}

#define FAIL_IF(condition, operation, path)                                                                           \
    if ((condition) && fails(operation, path) && number("SHIM_ERRNO")) {                                              \
        errno = (int)number("SHIM_ERRNO");                                                                            \
        return -1;                                                                                                    \
    }

static int remember(int fd, int is_ours) {
    if (fd >= 0 && fd < MAX_FD) below[fd] = (char)is_ours;
    return fd;
}

#define OPEN(name)                                                                                                    \
    int name(const char *path, int flags, ...) {                                                                      \
        va_list more;                                                                                                 \
        va_start(more, flags);                                                                                        \
        mode_t mode = va_arg(more, mode_t);                                                                           \
        va_end(more);                                                                                                 \
        int is_ours = is_below(path);                                                                                 \
        FAIL_IF(is_ours, "open", path);                                                                               \
        return remember(REAL(name)(path, flags, mode), is_ours);                                                      \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                                                  \
    int name(int folder, const char *path, int flags, ...) {                                                          \
        va_list more;                                                                                                 \
        va_start(more, flags);                                                                                        \
        mode_t mode = va_arg(more, mode_t);                                                                           \
        va_end(more);                                                                                                 \
        int is_ours = concerns(folder, path);                                                                         \
        FAIL_IF(is_ours, "open", path);                                                                               \
        return remember(REAL(name)(folder, path, flags, mode), is_ours);                                              \
    }
OPENAT(openat)
OPENAT(openat64)

int close(int fd) {
    remember(fd, 0);
    return REAL(close)(fd);
}

/* A short write writes half; one byte cannot be halved. */
#define SHORTEN(operation)                                                                                            \
    if (is_open_below(fd) && fails(operation, NULL)) {                                                                \
        if (number("SHIM_ERRNO")) {                                                                                   \
            errno = (int)number("SHIM_ERRNO");                                                                        \
            return -1;                                                                                                \
        }                                                                                                             \
        size = size > 1 ? size / 2 : size;                                                                            \
    }

ssize_t write(int fd, const void *data, size_t size) {
    SHORTEN("write");
    return REAL(write)(fd, data, size);
}

#define PWRITE(name, offset_type)                                                                                     \
    ssize_t name(int fd, const void *data, size_t size, offset_type offset) {                                         \
        SHORTEN("pwrite");                                                                                            \
        return REAL(name)(fd, data, size, offset);                                                                    \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define ON_DESCRIPTOR(name, parameters, arguments)                                                                    \
    int name parameters {                                                                                             \
        FAIL_IF(is_open_below(fd), #name, NULL);                                                                      \
        return REAL(name) arguments;                                                                                  \
    }
ON_DESCRIPTOR(fsync, (int fd), (fd))
ON_DESCRIPTOR(fdatasync, (int fd), (fd))
ON_DESCRIPTOR(ftruncate, (int fd, off_t size), (fd, size))
ON_DESCRIPTOR(ftruncate64, (int fd, off64_t size), (fd, size))
ON_DESCRIPTOR(fchmod, (int fd, mode_t mode), (fd, mode))

#define ON_PATH(name, is_ours, path, parameters, arguments)                                                           \
    int name parameters {                                                                                             \
        FAIL_IF(is_ours, #name, path);                                                                                \
        return REAL(name) arguments;                                                                                  \
    }
ON_PATH(rename, is_below(to), to, (const char *from, const char *to), (from, to))
ON_PATH(renameat, concerns(newfd, to), to, (int oldfd, const char *from, int newfd, const char *to),
        (oldfd, from, newfd, to))
ON_PATH(link, is_below(to), to, (const char *from, const char *to), (from, to))
ON_PATH(linkat, concerns(newfd, to), to, (int oldfd, const char *from, int newfd, const char *to, int flags),
        (oldfd, from, newfd, to, flags))
ON_PATH(unlink, is_below(path), path, (const char *path), (path))
ON_PATH(unlinkat, concerns(folder, path), path, (int folder, const char *path, int flags), (folder, path, flags))
ON_PATH(mkdir, is_below(path), path, (const char *path, mode_t mode), (path, mode))
ON_PATH(mkdirat, concerns(folder, path), path, (int folder, const char *path, mode_t mode), (folder, path, mode))
ON_PATH(chmod, is_below(path), path, (const char *path, mode_t mode), (path, mode))
