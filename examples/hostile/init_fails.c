/* Refuses to begin, with the number 9.
 *
 * Must happen: nothing is served; the line says stage load and the number. */
#include "hostile.h"

int32_t fezz_init_v1(const FezzHostV1 *host, FezzSlice settings) {
  (void)host, (void)settings;
  return 9;
}

static FezzOwned misbehave(FezzSlice request) {
  (void)request;
  return well();
}

HOSTILE("init_fails", 0, 0)
