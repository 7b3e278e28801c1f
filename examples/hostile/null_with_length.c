/* Returns no pointer but a length; /all claims all octets there can be.
 *
 * Must happen: 502, stage plugin_call (null_with_length); nothing is read or freed. */
#include "hostile.h"

static FezzOwned misbehave(FezzSlice request) {
  return (FezzOwned){NULL, path_ends(request, "/all") ? SIZE_MAX : 9};
}

HOSTILE("null_with_length", 0, 0)
