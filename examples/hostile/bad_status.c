/* The status is what the path says, also one that ends no exchange (1xx) or is none.
 *
 * Must happen: 200 to 599 is sent; anything else is 502, stage response_decode (status_range). An
 * interim status from a function would make the client wait for a second reply. */
#include "hostile.h"

static FezzOwned misbehave(FezzSlice request) {
  return answer(path_number(request, 200), "a status\n");
}

HOSTILE("bad_status", 0, 0)
