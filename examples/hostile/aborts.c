/* Calls abort(), as an exception that nobody catches does.
 *
 * Must happen: as with segfault, by SIGABRT. */
#include "hostile.h"

static FezzOwned misbehave(FezzSlice request) {
  (void)request;
  abort();
}

HOSTILE("aborts", 0, 0)
