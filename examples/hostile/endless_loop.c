/* Never comes back, and uses a processor all the while.
 *
 * Must happen: the client gets 504 at the deadline. The worker is replaced, so that the others'
 * calls go on; the thread is lost until the process ends. abandon_max of these quarantine the
 * function: 503 with retry-after, without a call. */
#include "hostile.h"

static FezzOwned misbehave(FezzSlice request) {
  volatile uint64_t turns = 0;
  (void)request;
  while (turns < UINT64_MAX) turns++;
  return well();
}

HOSTILE("endless_loop", 0, 0)
