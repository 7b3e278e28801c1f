/* A function that answers everything with a body of one mebioctet. Built and used by
 * `stress/bench`. */
#include "fezz.h"
#include <stdlib.h>
#include <string.h>

enum { BODY_BYTES = 1 << 20 };

const FezzIdentityV1 fezz_identity_v1 = FEZZ_IDENTITY("bulk", "1.0", 0, 0);

/* {"status": 200, "headers": [], "body": a byte string of 2^20 octets} (RFC 8949 section 3) */
static const uint8_t HEAD[] = {0xa3, 0x66, 's', 't', 'a', 't', 'u', 's', 0x18, 0xc8, 0x67,
                               'h',  'e',  'a', 'd', 'e', 'r', 's', 0x80, 0x64, 'b',  'o',
                               'd',  'y',  0x5a, 0x00, 0x10, 0x00, 0x00};

FezzOwned fezz_handle_v2(FezzSlice req) {
  uint8_t *answer = malloc(sizeof HEAD + BODY_BYTES);
  (void)req;
  if (answer == NULL) return (FezzOwned){NULL, 0};
  memcpy(answer, HEAD, sizeof HEAD);
  memset(answer + sizeof HEAD, 'x', BODY_BYTES);
  return (FezzOwned){answer, sizeof HEAD + BODY_BYTES};
}

void fezz_free_v2(FezzOwned buf) { free(buf.ptr); }
