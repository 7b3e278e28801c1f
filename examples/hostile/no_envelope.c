/* Octets that are no response envelope; the path says which.
 *
 * Must happen: 502 each, given back once, and nothing of it is sent. Reading takes time linear in
 * the octets that are there and memory that does not depend on what they claim. Stages:
 * deserialize_response where it is no CBOR (/noise, /cut, /claim, /claim-map, /words),
 * response_envelope where it is CBOR of another shape (/list), response_decode where a
 * rule of the format is broken (the others). */
#include "hostile.h"

#define STATUS "\x66status\x18\xc8"

static FezzOwned misbehave(FezzSlice request) {
  static const struct {
    const char *path;
    const char *octets;
    size_t len;
  } all[] = {
      {"/noise", LITERAL("\xff\xfe\xfd")},
      {"/cut", LITERAL("\xa3" STATUS "\x64" "body\x45ok")},
      /* A body, a list and a map of as many octets or items as can be said. */
      {"/claim", LITERAL("\xa2" STATUS "\x64" "body\x5b\xff\xff\xff\xff\xff\xff\xff\xff")},
      {"/claim-list", LITERAL("\xa2" STATUS "\x67headers\x9b\xff\xff\xff\xff\xff\xff\xff\xff")},
      {"/claim-map", LITERAL("\xbb\xff\xff\xff\xff\xff\xff\xff\xff" STATUS)},
      {"/words", LITERAL("\xa2" STATUS "\x62\xc3\x28\x00")},
      {"/list", LITERAL("\x80")},
      {"/no-status", LITERAL("\xa1\x64" "body\x42ok")},
      {"/text-status", LITERAL("\xa1\x66status\x63" "200")},
      {"/twice", LITERAL("\xa2" STATUS "\x66status\x18\xc9")},
      {"/twice-mixed", LITERAL("\xa2" STATUS "\x00\x18\xc9")},
      {"/twice-body", LITERAL("\xa3" STATUS "\x64" "body\x41" "a\x64" "body\x41" "b")},
      {"/tail", LITERAL("\xa1" STATUS "\x00")},
  };
  for (size_t at = 0; at < sizeof all / sizeof *all; at++)
    if (path_ends(request, all[at].path)) return exactly(all[at].octets, all[at].len);
  return well();
}

HOSTILE("no_envelope", 0, 0)
