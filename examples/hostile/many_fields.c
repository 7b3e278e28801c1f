/* As many header fields as the path says.
 *
 * Must happen: up to 256 they are sent; beyond it 502, stage response_decode (header_count, or
 * head_too_large beyond 64 KiB). */
#include "hostile.h"

static FezzOwned misbehave(FezzSlice request) {
  uint64_t fields = path_number(request, 300);
  Writer to = begin(200, fields);
  while (fields-- > 0) put_field(&to, LITERAL("x"), LITERAL("y"));
  return finish(&to, LITERAL("many\n"));
}

HOSTILE("many_fields", 0, 0)
