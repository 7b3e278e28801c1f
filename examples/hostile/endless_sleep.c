/* Never comes back, and waits for nothing.
 *
 * Must happen: as with endless_loop, without the burnt processor. */
#include "hostile.h"

static FezzOwned misbehave(FezzSlice request) {
  (void)request;
  sleep_forever();
  return (FezzOwned){NULL, 0};
}

HOSTILE("endless_sleep", 0, 0)
