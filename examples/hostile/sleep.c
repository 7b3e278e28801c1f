/* Sleeps as many milliseconds as the last segment of the path says, then answers well.
 *
 * Must happen: within the deadline a 200; beyond it 504 at the deadline, and the late answer is
 * freed once, by the thread that made it, and counted as stale. */
#include "hostile.h"

static FezzOwned misbehave(FezzSlice request) {
  sleep_ms(path_number(request, 0));
  return well();
}

HOSTILE("sleep", 0, 0)
