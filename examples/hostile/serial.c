/* Says that its calls must not overlap, and means it: two calls inside take two locks in opposite
 * order and wait for each other for ever. Each call takes as many milliseconds as the path says.
 *
 * Must happen: calls queue up one after another, all 200, and /__count says inside_max 1. A
 * call that was given up is still inside: until it comes back nobody else may enter, so the
 * function is in quarantine at once, whatever abandon_max says: 503, stage limit. */
#include "hostile.h"

static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER, second = PTHREAD_MUTEX_INITIALIZER;

static FezzOwned misbehave(FezzSlice request) {
  bool even = count_own("begun") % 2 == 0;
  pthread_mutex_t *outer = even ? &first : &second, *inner = even ? &second : &first;
  pthread_mutex_lock(outer);
  sleep_ms(path_number(request, 5));
  pthread_mutex_lock(inner);
  pthread_mutex_unlock(inner);
  pthread_mutex_unlock(outer);
  return well();
}

HOSTILE("serial", 0, 1)
