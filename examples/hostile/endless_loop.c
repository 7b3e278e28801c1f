/* Does not come back, and uses a processor all the while: until somebody asks for /release.
 *
 * Must happen: the client gets 504 at the deadline. The worker is replaced, so that the others'
 * calls go on; the thread gets only processor time that nobody else wants, until the process ends.
 * abandon_max of these quarantine the function: 503 with retry-after, without a call. An isolated
 * runner is killed. */
#include "hostile.h"

static volatile bool released;

static FezzOwned misbehave(FezzSlice request) {
  if (path_ends(request, "/release")) released = true;
  while (!released) continue;
  return well();
}

HOSTILE("endless_loop", 0, 0)
