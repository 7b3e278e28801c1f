/* Starts a thread that lives on, allocates, and is never joined.
 *
 * Must happen: 200. The thread runs until the process ends, and does not keep it from ending. Left
 * behind: the thread. In an isolated runner it ends with the runner. */
#include "hostile.h"

static void *live_on(void *nothing) {
  for (;;) {
    free(malloc(64));
    count_own("beats");
    sleep_ms(1);
  }
  return nothing;
}

static FezzOwned misbehave(FezzSlice request) {
  (void)request;
  pthread_t thread;
  if (pthread_create(&thread, NULL, live_on, NULL) != 0) return answer(500, "no thread\n");
  pthread_detach(thread);
  return well();
}

HOSTILE("leaves_thread", 0, 0)
