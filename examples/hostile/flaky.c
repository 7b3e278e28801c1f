/* Every second call returns no response.
 *
 * Must happen: 200 and 502 in turn (stage plugin_call). A function that fails in time is not
 * quarantined: only calls that do not come back are. */
#include "hostile.h"

static FezzOwned misbehave(FezzSlice request) {
  (void)request;
  return count_own("begun") % 2 == 1 ? well() : (FezzOwned){NULL, 0};
}

HOSTILE("flaky", 0, 0)
