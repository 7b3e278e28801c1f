/* Changes what signals do to the process: /ignore-term, /default-term, /default-pipe, and /block
 * for all of them on its own thread. With the setting `when=begin` it ignores SIGTERM in
 * fezz_init_v1.
 *
 * Must happen: the answers are 200, and everybody is served. An ignored SIGTERM does not drain the
 * server any more: SIGINT does, and the supervisor's SIGKILL. A default one ends it without a
 * drain. A default SIGPIPE and a mask change nothing: the server writes without that signal, and
 * takes the others on a thread of its own. An isolated runner has signals of its own. */
#include "hostile.h"
#include <signal.h>

int32_t fezz_init_v1(const FezzHostV1 *host, FezzSlice settings) {
  (void)host;
  if (memmem(settings.ptr, settings.len, LITERAL("begin")) != NULL) signal(SIGTERM, SIG_IGN);
  return 0;
}

static FezzOwned misbehave(FezzSlice request) {
  if (path_ends(request, "/ignore-term")) signal(SIGTERM, SIG_IGN);
  if (path_ends(request, "/default-term")) signal(SIGTERM, SIG_DFL);
  if (path_ends(request, "/default-pipe")) signal(SIGPIPE, SIG_DFL);
  if (path_ends(request, "/block")) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
  }
  return well();
}

HOSTILE("signal_handlers", 0, 0)
