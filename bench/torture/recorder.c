/*
 * Records what a process does to files, for the model of a disk in power_loss.py. Loaded with LD_PRELOAD.
 *
 * Each operation that succeeded is appended to the file $FILE_RECORD:
 *
 *     char kind, 7 bytes of padding; u64 inode; u64 number; u32 length of path, of the second path and of data; u32 0;
 *     then path, second path and data.
 *
 * Kinds: C open with O_CREAT; W write (number: offset); T truncate (number: size); S fsync; A sync; R rename; L link;
 * U unlink; M mkdir; D rmdir. An operation and its record are one step for all threads.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

struct head {
    char kind, padding[7];
    uint64_t inode, number;
    uint32_t path, second, data, zero;
};

static void record(char kind, uint64_t inode, uint64_t number, const char *path, const char *second, const void *data,
                   size_t size) {
    const char *log = getenv("FILE_RECORD");
    int saved = errno;
    if (log) {
        struct head head = {kind, {0}, inode, number, path ? strlen(path) : 0, second ? strlen(second) : 0, size, 0};
        struct iovec parts[] = {
            {&head, sizeof head}, {(void *)path, head.path}, {(void *)second, head.second}, {(void *)data, size}};
        int descriptor = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (descriptor < 0 || syscall(SYS_writev, descriptor, parts, 4) < 0) {
            abort();
        }
        syscall(SYS_close, descriptor);
    }
    errno = saved;
}

/* The absolute form of a path that is relative to a folder. */
static const char *absolute(int folder, const char *path, char *buffer) {
    if (path[0] == '/') {
        return path;
    }
    char link[64];
    if (folder == AT_FDCWD) {
        strcpy(link, "/proc/self/cwd");
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    }
    ssize_t length = readlink(link, buffer, PATH_MAX);
    if (length < 0) {
        return path;
    }
    snprintf(buffer + length, PATH_MAX, "/%s", path);
    return buffer;
}

static uint64_t inode_of(int descriptor, mode_t *type) {
    struct stat status;
    if (fstat(descriptor, &status)) {
        return 0;
    }
    *type = status.st_mode & S_IFMT;
    return *type == S_IFREG || *type == S_IFDIR ? status.st_ino : 0;
}

static uint64_t inode_at(const char *path) {
    struct stat status;
    return lstat(path, &status) ? 0 : status.st_ino;
}

static int opened(int descriptor, int folder, const char *path, int flags) {
    mode_t type;
    char buffer[2 * PATH_MAX];
    uint64_t inode = descriptor < 0 ? 0 : inode_of(descriptor, &type);
    if (inode && type == S_IFREG) {
        if (flags & O_CREAT) {
            record('C', inode, 0, absolute(folder, path, buffer), NULL, NULL, 0);
        }
        if (flags & O_TRUNC) {
            record('T', inode, 0, NULL, NULL, NULL, 0);
        }
    }
    return descriptor;
}

#define OPEN(name, folder, parameters, arguments)                                                                    \
    int name parameters {                                                                                            \
        va_list list;                                                                                                \
        va_start(list, flags);                                                                                       \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;                                      \
        va_end(list);                                                                                                \
        pthread_mutex_lock(&mutex);                                                                                  \
        int descriptor = opened(REAL(name) arguments, folder, path, flags);                                          \
        pthread_mutex_unlock(&mutex);                                                                                \
        return descriptor;                                                                                           \
    }

OPEN(open, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPEN(open64, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPEN(openat, folder, (int folder, const char *path, int flags, ...), (folder, path, flags, mode))
OPEN(openat64, folder, (int folder, const char *path, int flags, ...), (folder, path, flags, mode))

ssize_t write(int descriptor, const void *data, size_t size) {
    mode_t type;
    uint64_t inode = inode_of(descriptor, &type);
    if (!inode) {
        return REAL(write)(descriptor, data, size);
    }
    pthread_mutex_lock(&mutex);
    ssize_t written = REAL(write)(descriptor, data, size);
    if (written > 0) {
        record('W', inode, lseek(descriptor, 0, SEEK_CUR) - written, NULL, NULL, data, written);
    }
    pthread_mutex_unlock(&mutex);
    return written;
}

#define PWRITE(name, offset_type)                                                                                    \
    ssize_t name(int descriptor, const void *data, size_t size, offset_type offset) {                                \
        mode_t type;                                                                                                 \
        pthread_mutex_lock(&mutex);                                                                                  \
        ssize_t written = REAL(name)(descriptor, data, size, offset);                                                \
        uint64_t inode = inode_of(descriptor, &type);                                                                \
        if (inode && written > 0) {                                                                                  \
            record('W', inode, offset, NULL, NULL, data, written);                                                   \
        }                                                                                                            \
        pthread_mutex_unlock(&mutex);                                                                                \
        return written;                                                                                              \
    }

PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

/* Python copies without them when they fail. */
ssize_t sendfile(int out, int in, off_t *offset, size_t size) {
    (void)out, (void)in, (void)offset, (void)size;
    errno = ENOTSOCK;
    return -1;
}

ssize_t sendfile64(int out, int in, off64_t *offset, size_t size) {
    (void)out, (void)in, (void)offset, (void)size;
    errno = ENOTSOCK;
    return -1;
}

#define ON_DESCRIPTOR(name, kind, parameters, arguments, number)                                                     \
    int name parameters {                                                                                            \
        mode_t type;                                                                                                 \
        pthread_mutex_lock(&mutex);                                                                                  \
        int result = REAL(name) arguments;                                                                           \
        uint64_t inode = inode_of(descriptor, &type);                                                                \
        if (!result && inode) {                                                                                      \
            record(kind, inode, number, NULL, NULL, NULL, 0);                                                        \
        }                                                                                                            \
        pthread_mutex_unlock(&mutex);                                                                                \
        return result;                                                                                               \
    }

ON_DESCRIPTOR(fsync, 'S', (int descriptor), (descriptor), 0)
ON_DESCRIPTOR(fdatasync, 'S', (int descriptor), (descriptor), 0)
ON_DESCRIPTOR(ftruncate, 'T', (int descriptor, off_t size), (descriptor, size), size)
ON_DESCRIPTOR(ftruncate64, 'T', (int descriptor, off64_t size), (descriptor, size), size)

void sync(void) {
    pthread_mutex_lock(&mutex);
    record('A', 0, 0, NULL, NULL, NULL, 0);
    pthread_mutex_unlock(&mutex);
}

#define ON_NAME(name, kind, folder, parameters, arguments)                                                           \
    int name parameters {                                                                                            \
        char buffer[2 * PATH_MAX];                                                                                   \
        pthread_mutex_lock(&mutex);                                                                                  \
        const char *whole = absolute(folder, path, buffer);                                                          \
        int result = REAL(name) arguments;                                                                           \
        if (!result) {                                                                                               \
            record(kind, inode_at(whole), 0, whole, NULL, NULL, 0);                                                  \
        }                                                                                                            \
        pthread_mutex_unlock(&mutex);                                                                                \
        return result;                                                                                               \
    }

ON_NAME(unlink, 'U', AT_FDCWD, (const char *path), (path))
ON_NAME(unlinkat, flags & AT_REMOVEDIR ? 'D' : 'U', folder, (int folder, const char *path, int flags),
        (folder, path, flags))
ON_NAME(rmdir, 'D', AT_FDCWD, (const char *path), (path))
ON_NAME(mkdir, 'M', AT_FDCWD, (const char *path, mode_t mode), (path, mode))
ON_NAME(mkdirat, 'M', folder, (int folder, const char *path, mode_t mode), (folder, path, mode))

#define ON_NAMES(name, kind, folder, other, parameters, arguments)                                                   \
    int name parameters {                                                                                            \
        char buffer[2 * PATH_MAX], second[2 * PATH_MAX];                                                             \
        pthread_mutex_lock(&mutex);                                                                                  \
        const char *from = absolute(folder, path, buffer), *to = absolute(other, target, second);                    \
        int result = REAL(name) arguments;                                                                           \
        if (!result) {                                                                                               \
            record(kind, inode_at(to), 0, from, to, NULL, 0);                                                        \
        }                                                                                                            \
        pthread_mutex_unlock(&mutex);                                                                                \
        return result;                                                                                               \
    }

ON_NAMES(rename, 'R', AT_FDCWD, AT_FDCWD, (const char *path, const char *target), (path, target))
ON_NAMES(renameat, 'R', folder, other, (int folder, const char *path, int other, const char *target),
         (folder, path, other, target))
ON_NAMES(link, 'L', AT_FDCWD, AT_FDCWD, (const char *path, const char *target), (path, target))
ON_NAMES(linkat, 'L', folder, other, (int folder, const char *path, int other, const char *target, int flags),
         (folder, path, other, target, flags))
