/* Lets time pass slower for a program that a tool makes slower: preloaded below callgrind, so that
 * what the program decides by the time its work takes is decided as without the tool.
 *
 * Time since the start is divided by SLOWER; what waits for a moment waits so much longer. Only
 * CLOCK_MONOTONIC is slowed. Covered are the calls by which Rust programs read that clock and wait
 * on Linux: clock_gettime, nanosleep, clock_nanosleep, epoll_wait, and futex through syscall(). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>

enum { SLOWER = 256 };

static const int64_t SECOND_NS = 1000000000;

static long (*next_syscall)(long, ...);
static int64_t start_ns;

static int64_t nanos(const struct timespec *time) {
  return time->tv_sec * SECOND_NS + time->tv_nsec;
}

static struct timespec timespec_of(int64_t ns) {
  return (struct timespec){.tv_sec = ns / SECOND_NS, .tv_nsec = ns % SECOND_NS};
}

static int64_t real_ns(void) {
  struct timespec now;
  next_syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
  return nanos(&now);
}

/* Before main there is one thread only. */
__attribute__((constructor)) static void begin(void) {
  if (next_syscall != NULL) return;
  *(void **)&next_syscall = dlsym(RTLD_NEXT, "syscall");
  start_ns = real_ns();
}

/* Waits are cut at decades, so that nothing overflows. */
static int64_t longer(int64_t ns) {
  int64_t most = INT64_MAX / SECOND_NS / 4 * SECOND_NS / SLOWER;
  return (ns < most ? ns : most) * SLOWER;
}

/* The moment of the slow clock, as a moment of the real one. */
static struct timespec real_moment(const struct timespec *slow) {
  int64_t passed = nanos(slow) - start_ns;
  return timespec_of(start_ns + longer(passed));
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  begin();
  long outcome = next_syscall(SYS_clock_gettime, clock, now);
  if (outcome == 0 && clock == CLOCK_MONOTONIC)
    *now = timespec_of(start_ns + (nanos(now) - start_ns) / SLOWER);
  return (int)outcome;
}

/* What is left after an interruption is told as it was asked for: Rust sleeps on for that long. */
int nanosleep(const struct timespec *wanted, struct timespec *left) {
  begin();
  struct timespec slow = timespec_of(longer(nanos(wanted)));
  long outcome = next_syscall(SYS_nanosleep, &slow, left);
  if (outcome != 0 && left != NULL) *left = timespec_of(nanos(left) / SLOWER);
  return (int)outcome;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *wanted,
                    struct timespec *left) {
  begin();
  struct timespec slow = *wanted;
  if (flags & TIMER_ABSTIME) {
    if (clock == CLOCK_MONOTONIC) slow = real_moment(wanted);
  } else {
    slow = timespec_of(longer(nanos(wanted)));
  }
  long outcome = next_syscall(SYS_clock_nanosleep, clock, flags, &slow, left);
  if (outcome != 0 && left != NULL) *left = timespec_of(nanos(left) / SLOWER);
  return outcome == 0 ? 0 : errno;
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int timeout_ms) {
  begin();
  long timeout = timeout_ms <= 0 ? timeout_ms : (long)timeout_ms * SLOWER;
  if (timeout > INT_MAX) timeout = INT_MAX;
  return (int)next_syscall(SYS_epoll_pwait, epoll, events, most, timeout, NULL, 8L);
}

/* A futex is waited for until a moment. */
long syscall(long number, ...) {
  long argument[6];
  va_list list;
  va_start(list, number);
  for (int at = 0; at < 6; at++) argument[at] = va_arg(list, long);
  va_end(list);
  begin();
  struct timespec moment;
  int waits = number == SYS_futex && (argument[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET;
  if (waits && argument[3] != 0 && !(argument[1] & FUTEX_CLOCK_REALTIME)) {
    moment = real_moment((const struct timespec *)argument[3]);
    argument[3] = (long)&moment;
  }
  return next_syscall(number, argument[0], argument[1], argument[2], argument[3], argument[4],
                      argument[5]);
}
