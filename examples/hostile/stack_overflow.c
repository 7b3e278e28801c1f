/* Calls itself without an end.
 *
 * Must happen: the guard behind the worker's stack catches it before it writes into anybody else's
 * memory; a line names the thread, and the process ends by SIGABRT. In an isolated runner: 502,
 * stage crash, for this request alone. */
#include "hostile.h"

enum { FRAME_BYTES = 1024 };

static int deeper(int depth);
static int (*volatile next)(int) = deeper;

static int deeper(int depth) {
  volatile char frame[FRAME_BYTES];
  frame[depth % FRAME_BYTES] = 1;
  return next(depth + 1) + frame[0];
}

static FezzOwned misbehave(FezzSlice request) {
  (void)request;
  return answer(deeper(0) == 0 ? 200 : 201, "");
}

HOSTILE("stack_overflow", 0, 0)
