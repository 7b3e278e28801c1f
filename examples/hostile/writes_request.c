/* Writes over the request that it was lent: every octet of it is
 * inverted after the answer was made.
 *
 * Must happen: nothing anybody sees. The host reads the request no more once the call began; the
 * same connection, and everybody else's, get right answers afterwards. (A write outside of the loan
 * would damage the host, and nothing in one process can prevent that.) */
#include "hostile.h"

static FezzOwned misbehave(FezzSlice request) {
  FezzOwned out = well();
  uint8_t *lent = (uint8_t *)(uintptr_t)request.ptr;
  for (size_t at = 0; at < request.len; at++) lent[at] = (uint8_t)~lent[at];
  return out;
}

HOSTILE("writes_request", 0, 0)
