/* The first QUICK_CALLS are quick, every later one takes SLOW_MS.
 *
 * Must happen: 200 for all. With placement auto the function is promoted to the loop while it is
 * quick; the first slow call is rescued there, and the function goes back to the workers. */
#include "hostile.h"

enum { QUICK_CALLS = 500, SLOW_MS = 300 };

static FezzOwned misbehave(FezzSlice request) {
  (void)request;
  if (count_own("begun") > QUICK_CALLS) sleep_ms(SLOW_MS);
  return well();
}

HOSTILE("slows_down", 0, 0)
