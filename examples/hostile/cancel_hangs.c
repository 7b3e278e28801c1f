/* Does not come back from being told that a call was cancelled. Its calls sleep as the path says.
 *
 * Must happen: as with sleep. The thread that told it is replaced after 100 ms, so that everybody
 * else still hears of cancellations; it stays behind until the process ends. */
#include "hostile.h"

void fezz_cancel_v1(uint64_t call, uint32_t reason) {
  (void)call, (void)reason;
  count_own("cancels");
  sleep_forever();
}

static FezzOwned misbehave(FezzSlice request) {
  sleep_ms(path_number(request, 0));
  return well();
}

HOSTILE("cancel_hangs", 0, 0)
