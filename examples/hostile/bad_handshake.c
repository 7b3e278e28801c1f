/* Answers the handshake wrongly; the setting `how` says in which way: noise, version (a version of
 * handle that nobody offered), needs (a capability that no host has), nothing, or sours: well the
 * first time, noise when it is asked again after a millisecond.
 *
 * Must happen: nothing is served, and the line says stage handshake. Where it sours, 502, stage
 * handshake, for each request after that, without a call. */
#include "hostile.h"

static char how[16] = "";
static int asked;

int32_t fezz_init_v1(const FezzHostV1 *host, FezzSlice settings) {
  static const char *const ways[] = {"noise", "version", "needs", "nothing", "sours"};
  (void)host;
  for (size_t at = 0; at < sizeof ways / sizeof *ways; at++)
    if (memmem(settings.ptr, settings.len, ways[at], strlen(ways[at])) != NULL)
      snprintf(how, sizeof how, "%s", ways[at]);
  return 0;
}

FezzOwned fezz_handshake_v1(FezzSlice offer) {
  (void)offer;
  bool again = asked++ > 0;
  if (strcmp(how, "noise") == 0 || (again && strcmp(how, "sours") == 0))
    return exactly(LITERAL("\xff\xff"));
  if (strcmp(how, "version") == 0)
    return exactly(LITERAL("\xa1\x69" "functions\xa1\x66handle\x03"));
  if (strcmp(how, "needs") == 0)
    return exactly(LITERAL("\xa1\x6c" "capabilities\x81\x68teleport"));
  if (strcmp(how, "nothing") == 0) return (FezzOwned){NULL, 0};
  return exactly(LITERAL("\xa1\x66ttl_ms\x01"));
}

static FezzOwned misbehave(FezzSlice request) {
  (void)request;
  return well();
}

HOSTILE("bad_handshake", 0, 0)
