/* Ends the thread it was called on: pthread_exit unwinds the host's frames too.
 *
 * Must happen: as with an exception, SIGABRT and a last line that names the artifact. A worker that
 * is silently gone would be worse. In an isolated runner: 502, stage crash. */
#include "hostile.h"

static FezzOwned misbehave(FezzSlice request) {
  if (request.len > 0) pthread_exit(NULL);
  return well();
}

HOSTILE("ends_thread", 0, 0)
