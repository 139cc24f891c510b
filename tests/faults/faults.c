/* Counts the calls of a job that change a folder or send to a port; fails some of them, or kills the process at one.

   Loaded with LD_PRELOAD into the processes of the job, which share with the test the file that FAULTS_CONTROL names.
   faults.py has the same structure. Moves their clock too. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { DIE = -1, LOG = 1 << 20 };

static struct control {
    int64_t port, first, last, fault, clock, counted, injected, logged;
    char folder[256], log[LOG];
} *control;

static _Thread_local char names[2][2 * PATH_MAX];

/* The processes of a test are forked from one that has no control: look again until there is one. */
static int watched(void) {
    const char *name = control ? NULL : getenv("FAULTS_CONTROL");
    if (name) {
        long file = syscall(SYS_openat, AT_FDCWD, name, O_RDWR);
        void *shared = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, (int)file, 0);
        syscall(SYS_close, file);
        if (shared != MAP_FAILED) control = shared;
    }
    return control != NULL;
}

/* Whether a path, or the file of a descriptor for an empty one, is in the folder. The call is logged by that name. */
static int inside(int which, int folder, const char *path) {
    char *name = names[which], link[64];
    ssize_t length = 0;
    if (path[0] != '/') {
        snprintf(link, sizeof link, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
        length = readlink(link, name, PATH_MAX);
        if (length < 0) return 0;
        if (path[0]) name[length++] = '/';
    }
    snprintf(name + length, PATH_MAX, "%s", path);
    return strncmp(name, control->folder, strlen(control->folder)) == 0;
}

static int to_port(const struct sockaddr *address) {
    snprintf(names[0], PATH_MAX, "port");
    return control->port && address && address->sa_family == AF_INET &&
           ntohs(((const struct sockaddr_in *)address)->sin_port) == control->port;
}

static int peer(int file) {
    struct sockaddr_in address = {0};
    socklen_t size = sizeof address;
    return control->port && getpeername(file, (struct sockaddr *)&address, &size) == 0 &&
           to_port((struct sockaddr *)&address);
}

static int fate(const char *call) {
    char line[4 * PATH_MAX];
    int length = snprintf(line, sizeof line, "%s\t%s\t%s\n", call, names[0], names[1]);
    int64_t at = __atomic_fetch_add(&control->logged, length, __ATOMIC_SEQ_CST);
    if (at + length < LOG) memcpy(control->log + at, line, (size_t)length);
    int64_t number = __atomic_add_fetch(&control->counted, 1, __ATOMIC_SEQ_CST);
    int fault = (int)control->fault, frees = strstr(call, "unlink") || strstr(call, "rmdir");
    int sends = strstr(call, "send") == call || strstr(call, "connect");
    if (number < control->first || number > control->last) return 0;
    if (fault == ENOSPC && (frees || sends)) return 0;
    __atomic_add_fetch(&control->injected, 1, __ATOMIC_SEQ_CST);
    return fault == EIO && sends ? ECONNRESET : fault;
}

/* A dying process may have done a part of the call. */
#define CALL(name, type, parameters, arguments, condition, part)                        \
    type name parameters {                                                              \
        static type(*real) parameters;                                                  \
        if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name);                           \
        int fault = watched() && (names[1][0] = 0, (condition)) ? fate(#name) : 0;      \
        if (fault == DIE) {                                                             \
            (void)(part);                                                               \
            kill(getpid(), SIGKILL);                                                    \
        }                                                                               \
        if (!fault) return real arguments;                                              \
        errno = fault;                                                                  \
        return -1;                                                                      \
    }

#define IN(file) (inside(0, file, ""))
#define AT(folder, path) (inside(0, folder, path))
#define BOTH(from, old, to, new) (inside(1, to, new) | inside(0, from, old))

CALL(write, ssize_t, (int f, const void *data, size_t n), (f, data, n), IN(f) || peer(f), real(f, data, n / 2))
CALL(pwrite, ssize_t, (int f, const void *data, size_t n, off_t at), (f, data, n, at), IN(f), real(f, data, n / 2, at))
CALL(pwrite64, ssize_t, (int f, const void *data, size_t n, off64_t at), (f, data, n, at), IN(f),
     real(f, data, n / 2, at))
CALL(writev, ssize_t, (int f, const struct iovec *parts, int n), (f, parts, n), IN(f) || peer(f), real(f, parts, 1))
CALL(sendfile, ssize_t, (int to, int f, off_t *at, size_t n), (to, f, at, n), IN(to), real(to, f, at, n / 2))
CALL(sendfile64, ssize_t, (int to, int f, off64_t *at, size_t n), (to, f, at, n), IN(to), real(to, f, at, n / 2))
CALL(fsync, int, (int f), (f), IN(f), 0)
CALL(fdatasync, int, (int f), (f), IN(f), 0)
CALL(ftruncate, int, (int f, off_t size), (f, size), IN(f), 0)
CALL(ftruncate64, int, (int f, off64_t size), (f, size), IN(f), 0)
CALL(rename, int, (const char *old, const char *new), (old, new), BOTH(AT_FDCWD, old, AT_FDCWD, new), 0)
CALL(renameat, int, (int from, const char *old, int to, const char *new), (from, old, to, new), BOTH(from, old, to, new),
     0)
CALL(renameat2, int, (int from, const char *old, int to, const char *new, unsigned flags), (from, old, to, new, flags),
     BOTH(from, old, to, new), 0)
CALL(link, int, (const char *old, const char *new), (old, new), BOTH(AT_FDCWD, old, AT_FDCWD, new), 0)
CALL(symlink, int, (const char *text, const char *path), (text, path), AT(AT_FDCWD, path), 0)
CALL(unlink, int, (const char *path), (path), AT(AT_FDCWD, path), 0)
CALL(unlinkat, int, (int folder, const char *path, int flags), (folder, path, flags), AT(folder, path), 0)
CALL(rmdir, int, (const char *path), (path), AT(AT_FDCWD, path), 0)
CALL(mkdir, int, (const char *path, mode_t mode), (path, mode), AT(AT_FDCWD, path), 0)
CALL(connect, int, (int f, const struct sockaddr *to, socklen_t n), (f, to, n), to_port(to), 0)
CALL(send, ssize_t, (int f, const void *data, size_t n, int flags), (f, data, n, flags), peer(f),
     real(f, data, n / 2, flags))
CALL(sendto, ssize_t, (int f, const void *data, size_t n, int flags, const struct sockaddr *to, socklen_t size),
     (f, data, n, flags, to, size), peer(f), real(f, data, n / 2, flags, to, size))
CALL(sendmsg, ssize_t, (int f, const struct msghdr *message, int flags), (f, message, flags), peer(f), 0)

#define OPEN(name, parameters, folder)                                                  \
    int name parameters {                                                               \
        va_list rest;                                                                   \
        va_start(rest, flags);                                                          \
        int creates = flags & (O_CREAT | O_TRUNC | __O_TMPFILE);                        \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;       \
        va_end(rest);                                                                   \
        int fault = creates && watched() && (names[1][0] = 0, AT(folder, path)) ? fate(#name) : 0; \
        if (fault == DIE) kill(getpid(), SIGKILL);                                      \
        if (!fault) return (int)syscall(SYS_openat, folder, path, flags, mode);         \
        errno = fault;                                                                  \
        return -1;                                                                      \
    }

OPEN(open, (const char *path, int flags, ...), AT_FDCWD)
OPEN(open64, (const char *path, int flags, ...), AT_FDCWD)
OPEN(openat, (int folder, const char *path, int flags, ...), folder)
OPEN(openat64, (int folder, const char *path, int flags, ...), folder)

int clock_gettime(clockid_t which, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(which, time);
    if (result == 0 && which == CLOCK_REALTIME && watched()) time->tv_sec += control->clock;
    return result;
}
