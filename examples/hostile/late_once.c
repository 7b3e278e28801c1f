/* The first call answers LATE_MS after the deadline that it was told; every later call is well.
 *
 * Must happen: one 504, one stale answer that is freed once; then 200, and if the late call
 * quarantined the function, it is let in again once it has come back. */
#include "hostile.h"

enum { LATE_MS = 200 };

static FezzOwned misbehave(FezzSlice request) {
  if (count_own("begun") == 1) sleep_ms(deadline_ms(request) + LATE_MS);
  return well();
}

HOSTILE("late_once", 0, 0)
