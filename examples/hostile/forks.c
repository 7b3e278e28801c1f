/* Forks. The child stays where the call was for as many milliseconds as the path says, and ends.
 *
 * Must happen: 200, and everybody is served. The child is a copy of the server with one thread and
 * all of its descriptors: until it ends, the address stays taken although the server has ended, and
 * of the connections that were open only those end that the server shuts down before it closes them
 * (Connection: close, not a client that left). Nobody waits for the child: it is a zombie until the
 * server ends. An isolated runner may not fork. */
#include "hostile.h"

static FezzOwned misbehave(FezzSlice request) {
  uint64_t stay_ms = path_number(request, 2000);
  pid_t child = fork();
  if (child < 0) return answer(500, "no child\n");
  if (child == 0) {
    sleep_ms(stay_ms);
    _exit(0);
  }
  return well();
}

HOSTILE("forks", 0, 0)
