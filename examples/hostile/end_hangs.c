/* Does not come back when it is told to drain, or, with the setting `where=fini`, to end.
 *
 * Must happen: the server ends all the same, within about a second of having nothing else to do. */
#include "hostile.h"

static bool only_fini;

int32_t fezz_init_v1(const FezzHostV1 *host, FezzSlice settings) {
  (void)host;
  only_fini = memmem(settings.ptr, settings.len, LITERAL("fini")) != NULL;
  return 0;
}

int32_t fezz_drain_v1(uint64_t deadline_ns) {
  (void)deadline_ns;
  if (!only_fini) sleep_forever();
  return 0;
}

void fezz_fini_v1(void) { sleep_forever(); }

static FezzOwned misbehave(FezzSlice request) {
  (void)request;
  return well();
}

HOSTILE("end_hangs", 0, 0)
