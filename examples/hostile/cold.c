/* The first call takes COLD_MS, every later one next to nothing.
 *
 * Must happen: nothing but a slow first answer, as long as the deadline allows it. Placed inline,
 * the first call is rescued like any other long one. */
#include "hostile.h"

enum { COLD_MS = 400 };

static FezzOwned misbehave(FezzSlice request) {
  (void)request;
  if (count_own("begun") == 1) sleep_ms(COLD_MS);
  return well();
}

HOSTILE("cold", 0, 0)
