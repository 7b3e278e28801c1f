/* Does not come back, and waits for nothing: until somebody asks for /release.
 *
 * Must happen: as with endless_loop, without the burnt processor. */
#include "hostile.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool released;

static FezzOwned misbehave(FezzSlice request) {
  pthread_mutex_lock(&lock);
  if (path_ends(request, "/release")) released = true;
  pthread_cond_broadcast(&changed);
  while (!released) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
  return well();
}

HOSTILE("endless_sleep", 0, 0)
