/* Opens files until there is no descriptor left, keeps them until /release is asked.
 *
 * Must happen: connections that are open are served on, the function included; new ones wait in the
 * backlog and are served once descriptors are free again. In an isolated runner the limit is its
 * own. */
#include "hostile.h"
#include <fcntl.h>

enum { KEPT_MAX = 4096 };

static int kept[KEPT_MAX];
static size_t count;
static pthread_mutex_t eating = PTHREAD_MUTEX_INITIALIZER;

static FezzOwned misbehave(FezzSlice request) {
  pthread_mutex_lock(&eating);
  if (path_ends(request, "/release"))
    while (count > 0) close(kept[--count]);
  else
    while (count < KEPT_MAX && (kept[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
      count++;
  pthread_mutex_unlock(&eating);
  return well();
}

HOSTILE("eats_descriptors", 0, 0)
