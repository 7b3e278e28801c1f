/* Lets calls of the operating system fail, as a file that is shared with the test says.
 *
 * Preloaded into the real server, and nothing else. What is injected is what a kernel may do: a
 * refusal has the effects of a refusal (a connection that was reset stays reset, one that was
 * aborted is gone), and readiness that a call hides is announced again, because an edge-triggered
 * descriptor would not announce it by itself: the watch on it is set once more, as it was.
 *
 * The decision about the n-th call of a kind depends on the seed, the kind and n alone.
 *
 * Faults never meet descriptors that only this process uses (eventfd, the pipe for signals): a
 * kernel does not refuse those. Nothing here fails `close`. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* The order of the lists in control.rs. */
enum call {
    ACCEPT, RECV, SEND, WRITEV, EPOLL_WAIT, EPOLL_CTL, OPEN, LOG_WRITE, THREAD,
    READ, WRITE, SOCKET, BIND, LISTEN, SETSOCKOPT, EVENTFD, EPOLL_CREATE, PIPE, SOCKETPAIR, FCNTL,
    MEMFD, DLOPEN, MMAP, STAT, RENAME, CHANGE, NAME, SEEK, TRUNCATE, SPAWN, CALLS
};
enum fault {
    F_EMFILE, F_ENFILE, F_ENOMEM, F_ENOBUFS, F_EINTR, F_EAGAIN, F_ECONNABORTED, F_EPROTO,
    F_ECONNRESET, F_EPIPE, F_ENOSPC, F_EIO, F_EACCES, F_SHORT, F_ORDER, FAULTS
};
static const int numbers[FAULTS] = {
    EMFILE, ENFILE, ENOMEM, ENOBUFS, EINTR, EAGAIN, ECONNABORTED, EPROTO,
    ECONNRESET, EPIPE, ENOSPC, EIO, EACCES, 0, 0
};
enum mode { OFF, SEEDED, COUNTED };
/* Deliberate bugs, which the oracle has to find. */
enum canary {
    C_NONE, C_DROPPED_OCTET, C_CHANGED_OCTET, C_LOST_READINESS, C_OTHERS_ANSWER, C_KEPT_DESCRIPTOR
};

struct control {
    _Atomic uint64_t mode, seed, canary;
    /* COUNTED: from the `first` call of this kind to the `last`, counted from 1. */
    _Atomic uint64_t call, fault, first, last;
    _Atomic uint64_t attached;
    _Atomic uint64_t made[CALLS];
    _Atomic uint64_t odds[CALLS][FAULTS]; /* of 65,536 */
    _Atomic uint64_t injected[CALLS][FAULTS];
};

/* What a descriptor is to us. */
enum kind { OTHER, LISTENER, CONNECTION, BROKEN, LOG_FILE, READ_FILE, MEMORY };

#define DESCRIPTORS 65536
static _Atomic unsigned char kinds[DESCRIPTORS];
static struct watch { int queue; /* 0 is none */
    struct epoll_event event; } watches[DESCRIPTORS];
static struct control *control;

#define REAL(name) ({ \
    static __typeof__(&name) real_##name; \
    if (!real_##name) real_##name = (__typeof__(&name))dlsym(RTLD_NEXT, #name); \
    real_##name; })

__attribute__((constructor)) static void attach(void) {
    const char *path = getenv("FEZZ_FAULT_CONTROL");
    int fd = path ? REAL(open)(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *pages = REAL(mmap)(0, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    REAL(close)(fd);
    if (pages == MAP_FAILED) return;
    control = pages;
    control->attached++;
}

static uint64_t mixed(uint64_t x) {
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

/* What the caller of a fault may vary. */
static _Thread_local uint64_t draw;

/* The fault that this call of a kind has, or -1. */
static int decide(enum call call) {
    if (!control) return -1;
    uint64_t mode = control->mode;
    if (mode == OFF) return -1;
    uint64_t n = ++control->made[call];
    int fault = -1;
    if (mode == COUNTED) {
        if (control->call == call && n >= control->first && n <= control->last)
            fault = (int)control->fault;
        draw = n;
    } else {
        uint64_t drawn = mixed(mixed(control->seed + ((uint64_t)call << 48)) + n);
        draw = drawn >> 16;
        uint64_t point = drawn & 0xffff, sum = 0;
        for (int each = 0; each < FAULTS && fault < 0; each++) {
            sum += control->odds[call][each];
            if (point < sum) fault = each;
        }
    }
    return fault;
}

static void count(enum call call, int fault) { control->injected[call][fault]++; }

/* Refuses the call. */
static long refuse(enum call call, int fault) {
    count(call, fault);
    errno = numbers[fault];
    return -1;
}

static int has_canary(enum canary which) {
    return control && control->mode != OFF && control->canary == (uint64_t)which;
}

static enum kind kind_of(int fd) {
    return fd >= 0 && fd < DESCRIPTORS ? (enum kind)kinds[fd] : OTHER;
}

static void set_kind(int fd, enum kind kind) {
    if (fd >= 0 && fd < DESCRIPTORS) {
        watches[fd].queue = 0;
        kinds[fd] = kind;
    }
}

/* Announces anew whatever `fd` is ready for. */
static void announce(int fd) {
    if (has_canary(C_LOST_READINESS)) return;
    int before = errno;
    if (fd >= 0 && fd < DESCRIPTORS && watches[fd].queue > 0)
        REAL(epoll_ctl)(watches[fd].queue, EPOLL_CTL_MOD, fd, &watches[fd].event);
    errno = before;
}

static size_t few(size_t length) {
    size_t most = 1 + draw % 3;
    return length < most ? length : most;
}

/* ---- connections ---- */

int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags) {
    int fault = kind_of(fd) == LISTENER ? decide(ACCEPT) : -1;
    if (fault == F_EAGAIN) {
        announce(fd);
        return (int)refuse(ACCEPT, fault);
    }
    int gone = fault == F_ECONNABORTED || fault == F_EPROTO;
    if (fault >= 0 && !gone) return (int)refuse(ACCEPT, fault);
    int made = REAL(accept4)(fd, address, length, flags);
    if (made < 0) return made;
    if (gone) {
        /* Counted first: the client, and the test that compares, may see the end at once. */
        int refused = (int)refuse(ACCEPT, fault), why = errno;
        REAL(close)(made);
        return errno = why, refused;
    }
    set_kind(made, kind_of(fd) == LISTENER ? CONNECTION : OTHER);
    return made;
}

/* A connection that is broken is broken for all that follows. */
static long break_off(int fd, enum call call, int fault) {
    kinds[fd] = BROKEN;
    return refuse(call, fault);
}

ssize_t recv(int fd, void *into, size_t length, int flags) {
    if (kind_of(fd) == BROKEN) return errno = ECONNRESET, -1;
    int fault = kind_of(fd) == CONNECTION ? decide(RECV) : -1;
    switch (fault) {
    case -1: return REAL(recv)(fd, into, length, flags);
    case F_SHORT: {
        ssize_t got = REAL(recv)(fd, into, few(length), flags);
        if (got > 0) {
            count(RECV, fault);
            announce(fd);
        }
        return got;
    }
    case F_EAGAIN: announce(fd); return refuse(RECV, fault);
    case F_EINTR: return refuse(RECV, fault);
    default: return break_off(fd, RECV, fault);
    }
}

/* What was sent last, and to whom: for the canary that lets one client have another's answer. */
static struct { pthread_mutex_t lock; int fd; size_t length; char octets[512]; } last_sent =
    { PTHREAD_MUTEX_INITIALIZER, -1, 0, "" };

static ssize_t send_wrong(int fd, const char *octets, size_t length, int flags) {
    static _Atomic uint64_t sent;
    uint64_t n = ++sent;
    char copy[65536];
    if (length == 0 || length > sizeof copy) return REAL(send)(fd, octets, length, flags);
    memcpy(copy, octets, length);
    if (has_canary(C_OTHERS_ANSWER)) {
        pthread_mutex_lock(&last_sent.lock);
        if (last_sent.length == length && last_sent.fd != fd && n % 4 == 0) {
            memcpy(copy, last_sent.octets, length);
        } else if (length <= sizeof last_sent.octets) {
            memcpy(last_sent.octets, octets, length);
            last_sent.length = length;
            last_sent.fd = fd;
        }
        pthread_mutex_unlock(&last_sent.lock);
    } else if (n % 64 == 0 && has_canary(C_CHANGED_OCTET)) {
        copy[length - 1] ^= 1;
    } else if (n % 64 == 0 && has_canary(C_DROPPED_OCTET)) {
        return REAL(send)(fd, copy, length - 1, flags) == (ssize_t)length - 1 ? (ssize_t)length : -1;
    }
    return REAL(send)(fd, copy, length, flags);
}

static ssize_t send_really(int fd, const void *octets, size_t length, int flags) {
    if (control && control->mode != OFF && control->canary != C_NONE)
        return send_wrong(fd, octets, length, flags);
    return REAL(send)(fd, octets, length, flags);
}

/* A send or a gather write that moves a few octets, or none; 1 when the real call is to be made. */
static int refuses_to_send(int fd, enum call call, const struct iovec *first, ssize_t *sent) {
    if (kind_of(fd) == BROKEN) return errno = EPIPE, *sent = -1, 0;
    int fault = kind_of(fd) == CONNECTION ? decide(call) : -1;
    switch (fault) {
    case -1: return 1;
    case F_SHORT:
        *sent = send_really(fd, first->iov_base, few(first->iov_len), MSG_NOSIGNAL);
        if (*sent >= 0) {
            count(call, fault);
            announce(fd);
        }
        return 0;
    case F_EAGAIN: announce(fd); return *sent = refuse(call, fault), 0;
    case F_EINTR: return *sent = refuse(call, fault), 0;
    default: return *sent = break_off(fd, call, fault), 0;
    }
}

ssize_t send(int fd, const void *octets, size_t length, int flags) {
    ssize_t sent;
    struct iovec all = { (void *)octets, length };
    return refuses_to_send(fd, SEND, &all, &sent) ? send_really(fd, octets, length, flags) : sent;
}

ssize_t writev(int fd, const struct iovec *from, int slices) {
    ssize_t sent;
    if (slices > 0 && !refuses_to_send(fd, WRITEV, from, &sent)) return sent;
    return REAL(writev)(fd, from, slices);
}

int close(int fd) {
    if (kind_of(fd) == CONNECTION && has_canary(C_KEPT_DESCRIPTOR)) {
        static _Atomic uint64_t closed;
        if (++closed % 16 == 0) return shutdown(fd, SHUT_RDWR), 0;
    }
    set_kind(fd, OTHER);
    return REAL(close)(fd);
}

/* ---- waiting ---- */

int epoll_wait(int queue, struct epoll_event *events, int most, int timeout) {
    int fault = decide(EPOLL_WAIT);
    if (fault < 0) return REAL(epoll_wait)(queue, events, most, timeout);
    if (fault != F_SHORT && fault != F_ORDER) return (int)refuse(EPOLL_WAIT, fault);
    if (fault == F_SHORT && most > 3) most = (int)few(3);
    int got = REAL(epoll_wait)(queue, events, most, timeout);
    for (int at = 0; fault == F_ORDER && at < got / 2; at++) {
        struct epoll_event other = events[got - 1 - at];
        events[got - 1 - at] = events[at];
        events[at] = other;
    }
    if (got > 1 || (fault == F_SHORT && got == most)) count(EPOLL_WAIT, fault);
    return got;
}

int epoll_ctl(int queue, int what, int fd, struct epoll_event *event) {
    int counted = control && control->mode == COUNTED;
    int asked = what == EPOLL_CTL_ADD && (counted || kind_of(fd) == CONNECTION);
    int fault = asked ? decide(EPOLL_CTL) : -1;
    if (fault >= 0) return (int)refuse(EPOLL_CTL, fault);
    int done = REAL(epoll_ctl)(queue, what, fd, event);
    if (done == 0 && fd >= 0 && fd < DESCRIPTORS) {
        watches[fd].queue = what == EPOLL_CTL_DEL ? 0 : queue;
        if (event) watches[fd].event = *event;
    }
    return done;
}

/* ---- files ---- */

static int opened(int fd, int flags) {
    if (fd >= 0) set_kind(fd, flags & O_APPEND ? LOG_FILE : READ_FILE);
    return fd;
}

/* With seeds only logs are opened again; a start and a reload may fail at any file. */
static int open_fault(int flags) {
    int counted = control && control->mode == COUNTED;
    return counted || flags & O_APPEND ? decide(OPEN) : -1;
}

static unsigned mode_of(int flags, va_list *rest) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(*rest, unsigned) : 0;
}

#define OPENS(name) \
    int name(const char *path, int flags, ...) { \
        va_list rest; \
        va_start(rest, flags); \
        unsigned mode = mode_of(flags, &rest); \
        va_end(rest); \
        int fault = open_fault(flags); \
        if (fault >= 0) return (int)refuse(OPEN, fault); \
        return opened(REAL(name)(path, flags, mode), flags); \
    }
OPENS(open)
OPENS(open64)

#define OPENS_AT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        va_list rest; \
        va_start(rest, flags); \
        unsigned mode = mode_of(flags, &rest); \
        va_end(rest); \
        int fault = open_fault(flags); \
        if (fault >= 0) return (int)refuse(OPEN, fault); \
        return opened(REAL(name)(folder, path, flags, mode), flags); \
    }
OPENS_AT(openat)
OPENS_AT(openat64)

ssize_t read(int fd, void *into, size_t length) {
    int fault = kind_of(fd) == READ_FILE ? decide(READ) : -1;
    if (fault == F_SHORT) {
        count(READ, fault);
        return REAL(read)(fd, into, few(length));
    }
    return fault >= 0 ? refuse(READ, fault) : REAL(read)(fd, into, length);
}

ssize_t write(int fd, const void *from, size_t length) {
    enum kind kind = kind_of(fd);
    enum call call = kind == LOG_FILE ? LOG_WRITE : WRITE;
    int asked = kind == LOG_FILE || kind == READ_FILE || kind == MEMORY;
    int fault = asked && length > 0 ? decide(call) : -1;
    if (fault == F_SHORT) {
        count(call, fault);
        return REAL(write)(fd, from, length == 1 ? 1 : 1 + draw % (length - 1));
    }
    return fault >= 0 ? refuse(call, fault) : REAL(write)(fd, from, length);
}


/* ---- what a start and a reload ask for ---- */

static int decide_counted(enum call call) {
    return control && control->mode == COUNTED ? decide(call) : -1;
}

#define REFUSABLE(type, call, name, declared, named) \
    type name declared { \
        int fault = decide_counted(call); \
        return fault >= 0 ? (type)refuse(call, fault) : REAL(name) named; \
    }
REFUSABLE(int, SOCKET, socket, (int family, int type, int protocol), (family, type, protocol))
REFUSABLE(int, BIND, bind, (int fd, const struct sockaddr *at, socklen_t length), (fd, at, length))
REFUSABLE(int, SETSOCKOPT, setsockopt,
          (int fd, int level, int option, const void *value, socklen_t length),
          (fd, level, option, value, length))
REFUSABLE(int, EVENTFD, eventfd, (unsigned value, int flags), (value, flags))
REFUSABLE(int, EPOLL_CREATE, epoll_create1, (int flags), (flags))
REFUSABLE(int, PIPE, pipe2, (int ends[2], int flags), (ends, flags))
REFUSABLE(int, SOCKETPAIR, socketpair, (int family, int type, int protocol, int ends[2]),
          (family, type, protocol, ends))
REFUSABLE(int, STAT, fstat64, (int fd, struct stat64 *into), (fd, into))
REFUSABLE(int, STAT, stat64, (const char *path, struct stat64 *into), (path, into))
REFUSABLE(int, STAT, lstat64, (const char *path, struct stat64 *into), (path, into))
REFUSABLE(int, STAT, statx,
          (int folder, const char *path, int flags, unsigned mask, struct statx *into),
          (folder, path, flags, mask, into))
REFUSABLE(int, RENAME, rename, (const char *from, const char *to), (from, to))
REFUSABLE(int, CHANGE, fchmod, (int fd, mode_t mode), (fd, mode))
REFUSABLE(int, CHANGE, chmod, (const char *path, mode_t mode), (path, mode))
REFUSABLE(int, CHANGE, lchown, (const char *path, uid_t user, gid_t group), (path, user, group))
REFUSABLE(int, NAME, getsockname, (int fd, struct sockaddr *into, socklen_t *length),
          (fd, into, length))
REFUSABLE(void *, MMAP, mmap, (void *at, size_t length, int may, int flags, int fd, off_t from),
          (at, length, may, flags, fd, from))
REFUSABLE(void *, MMAP, mmap64, (void *at, size_t length, int may, int flags, int fd, off64_t from),
          (at, length, may, flags, fd, from))

int listen(int fd, int backlog) {
    int fault = decide_counted(LISTEN);
    if (fault >= 0) return (int)refuse(LISTEN, fault);
    int done = REAL(listen)(fd, backlog);
    int family = AF_UNSPEC;
    socklen_t length = sizeof family;
    if (done == 0 && getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length) == 0
        && (family == AF_INET || family == AF_INET6))
        if (kind_of(fd) != LISTENER) kinds[fd] = LISTENER;
    return done;
}

int fcntl(int fd, int what, ...) {
    va_list rest;
    va_start(rest, what);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    int doubles = what == F_DUPFD || what == F_DUPFD_CLOEXEC;
    int fault = doubles ? decide_counted(FCNTL) : -1;
    if (fault >= 0) return (int)refuse(FCNTL, fault);
    int done = REAL(fcntl)(fd, what, argument);
    if (doubles && done >= 0) set_kind(done, kind_of(fd) == LISTENER ? LISTENER : OTHER);
    return done;
}

int memfd_create(const char *name, unsigned flags) {
    int fault = decide_counted(MEMFD);
    if (fault >= 0) return (int)refuse(MEMFD, fault);
    int made = REAL(memfd_create)(name, flags);
    if (made >= 0) set_kind(made, MEMORY);
    return made;
}

/* A log takes half a line off again: the full disk that made it half may refuse that, too. */
off64_t lseek64(int fd, off64_t by, int from) {
    int fault = kind_of(fd) == LOG_FILE ? decide(SEEK) : decide_counted(SEEK);
    return fault >= 0 ? refuse(SEEK, fault) : REAL(lseek64)(fd, by, from);
}

int ftruncate64(int fd, off64_t length) {
    int fault = kind_of(fd) == LOG_FILE ? decide(TRUNCATE) : decide_counted(TRUNCATE);
    return fault >= 0 ? (int)refuse(TRUNCATE, fault) : REAL(ftruncate64)(fd, length);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *terms, void *(*work)(void *), void *with) {
    int fault = decide(THREAD);
    if (fault < 0) return REAL(pthread_create)(thread, terms, work, with);
    refuse(THREAD, fault);
    return numbers[fault];
}

int posix_spawn(pid_t *child, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *terms, char *const words[], char *const variables[]) {
    int fault = decide_counted(SPAWN);
    if (fault < 0) return REAL(posix_spawn)(child, path, actions, terms, words, variables);
    refuse(SPAWN, fault);
    return numbers[fault];
}

/* The dynamic linker's own calls cannot be replaced: it meets a real limit instead. */
void *dlopen(const char *path, int flags) {
    int fault = path ? decide_counted(DLOPEN) : -1;
    if (fault < 0) return REAL(dlopen)(path, flags);
    int what = fault == F_ENOMEM ? RLIMIT_AS : RLIMIT_NOFILE;
    struct rlimit before, none;
    getrlimit(what, &before);
    none = before;
    none.rlim_cur = 0;
    setrlimit(what, &none);
    void *loaded = REAL(dlopen)(path, flags);
    setrlimit(what, &before);
    if (!loaded) count(DLOPEN, fault);
    return loaded;
}
