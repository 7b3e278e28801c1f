/* A function in C: every request gets the same text. Build it with `make`. */
#include "fezz.h"
#include <stdlib.h>
#include <string.h>

const FezzIdentityV1 fezz_identity_v1 = FEZZ_IDENTITY("hello-c", "1.0", FEZZ_F_INLINE_OK, 0);

/* A CBOR item begins with its kind and its length or count, in one octet up to 23 (RFC 8949 3). */
enum { UNSIGNED16 = 0x19, BYTES = 0x40, TEXT = 0x60, LIST = 0x80, MAP = 0xa0 };

static uint8_t *put(uint8_t *at, int kind, const char *string) {
  size_t len = strlen(string);
  *at++ = (uint8_t)(kind | (int)len);
  memcpy(at, string, len);
  return at + len;
}

/* {"status": 200, "headers": [{"name": 'content-type', "value": 'text/plain'}], "body": '...'} */
FezzOwned fezz_handle_v2(FezzSlice req) {
  uint8_t *answer = malloc(96), *at = answer;
  (void)req;
  if (answer == NULL) return (FezzOwned){NULL, 0};
  *at++ = MAP | 3;
  at = put(at, TEXT, "status");
  *at++ = UNSIGNED16;
  *at++ = 200 >> 8;
  *at++ = 200 & 0xff;
  at = put(at, TEXT, "headers");
  *at++ = LIST | 1;
  *at++ = MAP | 2;
  at = put(at, TEXT, "name");
  at = put(at, BYTES, "content-type");
  at = put(at, TEXT, "value");
  at = put(at, BYTES, "text/plain");
  at = put(at, TEXT, "body");
  at = put(at, BYTES, "hello from C\n");
  return (FezzOwned){answer, (size_t)(at - answer)};
}

void fezz_free_v2(FezzOwned buf) { free(buf.ptr); }
