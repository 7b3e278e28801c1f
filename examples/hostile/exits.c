/* Ends the process in good order: exit(3), which runs what was registered to run at the end, or
 * /at-once _exit(4), which does not.
 *
 * Must happen: the process ends with that code although the server did not drain, and no line says
 * that it did. In an isolated runner: 502, stage crash, for this request alone. */
#include "hostile.h"

static FezzOwned misbehave(FezzSlice request) {
  if (path_ends(request, "/at-once")) _exit(4);
  exit(3);
}

HOSTILE("exits", 0, 0)
