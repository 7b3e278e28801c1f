/* Frees each answer twice when it is given back.
 *
 * Must happen: the allocator notices and ends the process by SIGABRT, with a line of its own as the
 * last one. Everybody's requests are lost. In an isolated runner: 502, stage crash, for this
 * request alone. */
#define HOSTILE_OWN_FREE
#include "hostile.h"

void fezz_free_v2(FezzOwned buf) {
  void *volatile twice = buf.ptr;
  free(twice);
  free(twice);
}

static FezzOwned misbehave(FezzSlice request) {
  (void)request;
  return well();
}

HOSTILE("double_free", 0, 0)
