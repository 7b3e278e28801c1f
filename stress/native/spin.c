/* A function that never comes back from `/spin` and answers everything else at once: a busy loop
 * that a server cannot stop. Built and used by `stress/bench`. */
#include "fezz.h"
#include <stdlib.h>
#include <string.h>

const FezzIdentityV1 fezz_identity_v1 = FEZZ_IDENTITY("spin", "1.0", 0, 0);

static const char SPIN[] = "/spin";

/* {"status": 200, "headers": [], "body": 'short'} (RFC 8949 section 3) */
static const uint8_t ANSWER[] = {0xa3, 0x66, 's',  't',  'a',  't',  'u',  's',  0x18, 0xc8,
                                 0x67, 'h',  'e',  'a',  'd',  'e',  'r',  's',  0x80, 0x64,
                                 'b',  'o',  'd',  'y',  0x45, 's',  'h',  'o',  'r',  't'};

/* Whether the path stands anywhere in the envelope: our own requests have it nowhere else. */
static int asks_to_spin(FezzSlice req) {
  size_t len = sizeof SPIN - 1;
  for (size_t at = 0; at + len <= req.len; at++)
    if (memcmp(req.ptr + at, SPIN, len) == 0) return 1;
  return 0;
}

FezzOwned fezz_handle_v2(FezzSlice req) {
  uint8_t *answer = malloc(sizeof ANSWER);
  /* A loop without effects may be taken out; one that reads something volatile may not. */
  volatile int forever = asks_to_spin(req);
  while (forever) {
  }
  if (answer == NULL) return (FezzOwned){NULL, 0};
  memcpy(answer, ANSWER, sizeof ANSWER);
  return (FezzOwned){answer, sizeof ANSWER};
}

void fezz_free_v2(FezzOwned buf) { free(buf.ptr); }
