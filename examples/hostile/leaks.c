/* Keeps a MiB of each call for ever.
 *
 * Must happen: 200. Nobody can tell a leak from a cache: the process grows until the limit that its
 * supervisor set (MemoryMax=), and `fezz check` warns of it. Left behind: the memory. An isolated
 * runner can be replaced after so many octets or calls. */
#include "hostile.h"
#include <stdatomic.h>

enum { LEAK_BYTES = 1 << 20 };

static FezzOwned misbehave(FezzSlice request) {
  (void)request;
  static _Atomic(void *) kept;
  void **more = malloc(LEAK_BYTES);
  if (more == NULL) return answer(500, "no memory\n");
  memset(more, 1, LEAK_BYTES);
  *more = atomic_exchange(&kept, more);
  count_own("leaked_mib");
  return well();
}

HOSTILE("leaks", 0, 0)
