/* Does not come back before its first request; the setting `where` says from where: init, handshake
 * or selfcheck.
 *
 * Must happen: after ten seconds nothing is served, and the line says so with its stage. */
#include "hostile.h"

static int where;

static void hang_if(int here) {
  if (where == here) sleep_forever();
}

int32_t fezz_init_v1(const FezzHostV1 *host, FezzSlice settings) {
  (void)host;
  if (memmem(settings.ptr, settings.len, LITERAL("init")) != NULL) where = 1;
  if (memmem(settings.ptr, settings.len, LITERAL("handshake")) != NULL) where = 2;
  if (memmem(settings.ptr, settings.len, LITERAL("selfcheck")) != NULL) where = 3;
  hang_if(1);
  return 0;
}

FezzOwned fezz_handshake_v1(FezzSlice offer) {
  (void)offer;
  hang_if(2);
  return exactly(LITERAL("\xa0"));
}

FezzOwned fezz_selfcheck_v1(FezzSlice spec) {
  (void)spec;
  hang_if(3);
  return exactly(LITERAL("\xa1\x68" "failures\x80"));
}

static FezzOwned misbehave(FezzSlice request) {
  (void)request;
  return well();
}

HOSTILE("begins_for_ever", 0, 0)
