/* A body of as many KiB as the path says.
 *
 * Must happen: up to limits.response_body it is sent whole; beyond it 502 (body_too_large or
 * length_too_large), not one octet of it leaves, and it is freed. */
#include "hostile.h"

static FezzOwned misbehave(FezzSlice request) {
  size_t len = (size_t)path_number(request, 65536) << 10;
  uint8_t *body = malloc(len + 1);
  if (body == NULL) return (FezzOwned){NULL, 0};
  memset(body, 'x', len);
  Writer to = begin(200, 0);
  FezzOwned out = finish(&to, body, len);
  free(body);
  return out;
}

HOSTILE("huge_answer", 0, 0)
