/* Returns the octets it was lent: all of them, /inside a part, /end the last one, /empty none.
 *
 * Must happen: 502, stage plugin_call (points_into_request), and the pointer is never freed: it is
 * the host's own. */
#include "hostile.h"

static FezzOwned misbehave(FezzSlice request) {
  uint8_t *lent = (uint8_t *)(uintptr_t)request.ptr;
  if (path_ends(request, "/inside")) return (FezzOwned){lent + 1, request.len - 2};
  if (path_ends(request, "/end")) return (FezzOwned){lent + request.len - 1, 1};
  if (path_ends(request, "/empty")) return (FezzOwned){lent, 0};
  return (FezzOwned){lent, request.len};
}

HOSTILE("points_into_request", 0, 0)
