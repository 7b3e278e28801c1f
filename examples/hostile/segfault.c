/* Writes to an address where nothing is.
 *
 * Must happen: the process ends by SIGSEGV, and everybody's requests with it; a supervisor
 * starts it again. In an isolated runner: 502, stage crash, for this request alone. */
#include "hostile.h"

static FezzOwned misbehave(FezzSlice request) {
  (void)request;
  *(volatile int *)8 = 1;
  return well();
}

HOSTILE("segfault", 0, 0)
