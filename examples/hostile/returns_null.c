/* Has no response, whatever is asked.
 *
 * Must happen: 502, stage plugin_call (no_response); nothing is freed. */
#include "hostile.h"

static FezzOwned misbehave(FezzSlice request) {
  (void)request;
  return (FezzOwned){NULL, 0};
}

HOSTILE("returns_null", 0, 0)
