/* Under an unknown key, as many lists in one another as the path says: a reader that recurses
 * without a limit overflows its stack.
 *
 * Must happen: up to eight levels with the envelope's own 200; beyond it 502 (too_deep), however
 * deep it goes on, given back once. */
#include "hostile.h"

static FezzOwned misbehave(FezzSlice request) {
  uint64_t depth = path_number(request, 1000000);
  Writer to = {NULL, 0, 0};
  put_head(&to, MAP, 3);
  put_text(&to, "deep");
  while (depth-- > 0) put_head(&to, LIST, 1);
  put_head(&to, UNSIGNED, 0);
  put_text(&to, "status");
  put_head(&to, UNSIGNED, 200);
  return finish(&to, LITERAL("deep\n"));
}

HOSTILE("deep_nesting", 0, 0)
