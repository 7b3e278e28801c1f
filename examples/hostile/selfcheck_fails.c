/* Finds itself broken.
 *
 * Must happen: nothing is served; the line says stage self_check and what the function found. */
#include "hostile.h"

FezzOwned fezz_selfcheck_v1(FezzSlice spec) {
  (void)spec;
  return exactly(LITERAL("\xa1\x68" "failures\x81\x69no engine"));
}

static FezzOwned misbehave(FezzSlice request) {
  (void)request;
  return well();
}

HOSTILE("selfcheck_fails", 0, 0)
