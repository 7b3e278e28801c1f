/* The first call takes a lock and keeps it for ever; every later call waits for that lock.
 *
 * Must happen: 504 at the deadline for each, then quarantine. /__count and /__well stay out of the
 * lock and answer when they are let in: the ledger's own lock is never held across a wait. */
#include "hostile.h"

static pthread_mutex_t taken = PTHREAD_MUTEX_INITIALIZER;

static FezzOwned misbehave(FezzSlice request) {
  (void)request;
  pthread_mutex_lock(&taken);
  sleep_forever();
  return (FezzOwned){NULL, 0};
}

HOSTILE("holds_lock", 0, 0)
