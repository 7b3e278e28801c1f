/* Names and values that would end their line, and with it the head, if they were sent.
 *
 * Must happen: 502, stage response_decode (header_name_octet, header_name_empty or
 * header_value_octet), and none of it on the wire. */
#include "hostile.h"

static FezzOwned misbehave(FezzSlice request) {
  if (path_ends(request, "/value-crlf"))
    return with_field(LITERAL("x"), LITERAL("a\r\n\r\nHTTP/1.1 200 OK\r\n\r\nsplit"));
  if (path_ends(request, "/value-lf")) return with_field(LITERAL("x"), LITERAL("a\nsplit: b"));
  if (path_ends(request, "/value-nul")) return with_field(LITERAL("x"), LITERAL("a\0split"));
  if (path_ends(request, "/name-crlf"))
    return with_field(LITERAL("x: y\r\nsplit"), LITERAL("a"));
  if (path_ends(request, "/name-colon")) return with_field(LITERAL("split: a"), LITERAL("b"));
  if (path_ends(request, "/name-nul")) return with_field(LITERAL("split\0"), LITERAL("b"));
  if (path_ends(request, "/name-space")) return with_field(LITERAL("split "), LITERAL("b"));
  if (path_ends(request, "/name-empty")) return with_field(LITERAL(""), LITERAL("split"));
  return well();
}

HOSTILE("splits_response", 0, 0)
