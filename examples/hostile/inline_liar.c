/* Says that every call is short and never blocks, and sleeps as long as the path says.
 *
 * Must happen: as with sleep. Where it was called inline, the loop is taken from it after about
 * two ticks, once: the other connections of the loop go on, and the function is demoted to the
 * workers (one log line with its name, one count). */
#include "hostile.h"

static FezzOwned misbehave(FezzSlice request) {
  sleep_ms(path_number(request, 0));
  return well();
}

HOSTILE("inline_liar", FEZZ_F_INLINE_OK, 0)
