/* Frames its answer itself, and wrongly: a length that is not the body's, a coding that is not
 * applied, an end of the connection that it has no say in.
 *
 * Must happen: 200 with the host's own framing. The fields are dropped, and the connection goes on:
 * the next answer on it begins where this one ends. */
#include "hostile.h"

static FezzOwned misbehave(FezzSlice request) {
  if (path_ends(request, "/length")) return with_field(LITERAL("content-length"), LITERAL("1234"));
  if (path_ends(request, "/coding"))
    return with_field(LITERAL("Transfer-Encoding"), LITERAL("chunked"));
  if (path_ends(request, "/connection")) return with_field(LITERAL("connection"), LITERAL("close"));
  if (path_ends(request, "/upgrade")) return with_field(LITERAL("upgrade"), LITERAL("split"));
  return well();
}

HOSTILE("own_framing", 0, 0)
