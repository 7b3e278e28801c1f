/* Envelopes that no SDK writes; the path says which. Some of them are right.
 *
 * Must happen: /segments, /padded, /packed, /pairs, /unknown and /shuffled are 200 with the same
 * body: the format allows them. /open, /segment-kind, /segment-in-segment, /stray-break and
 * /reserved are no CBOR: 502, stage deserialize_response. /odd-map is a map that ends between a key
 * and its value: the same. /tagged, /undefined, /numbers and /three hold items of a kind that may
 * not stand there: 502, stage response_decode. /panic says that the function panicked, and it may:
 * 500, stage panic. /version claims another version than the handshake settled: 502, stage
 * response_envelope; /settled claims that one, and is right. */
#include "hostile.h"

/* {"functions": {"handle": 2}} */
FezzOwned fezz_handshake_v1(FezzSlice offer) {
  (void)offer;
  return exactly(LITERAL("\xa1\x69" "functions\xa1\x66handle\x02"));
}

#define STATUS "\x66status\x18\xc8"
#define BODY "\x64" "body\x45well\n"

static FezzOwned misbehave(FezzSlice request) {
  static const struct {
    const char *path;
    const char *octets;
    size_t len;
  } all[] = {
      /* Everything of indefinite length, the body in three segments, one of them empty. */
      {"/segments", LITERAL("\xbf\x7f\x63sta\x63tus\xff\x18\xc8\x67headers\x9f\xbf\x64name"
                            "\x5f\x41x\x41-\x41" "a\xff\x65value\x5f\x40\x41" "b\xff\xff\xff"
                            "\x64" "body\x5f\x42we\x40\x43ll\n\xff\xff")},
      /* The status in eight octets, lengths in four. */
      {"/padded", LITERAL("\xb8\x02\x78\x06status\x1b\0\0\0\0\0\0\0\xc8\x64" "body"
                          "\x5a\0\0\0\x05well\n")},
      {"/packed", LITERAL("\xa3\x00\x18\xc8\x01\x80\x02\x45well\n")},
      {"/pairs", LITERAL("\xa3" STATUS "\x67headers\x81\x82\x63x-a\x41" "b" BODY)},
      {"/unknown", LITERAL("\xa3\x63zzz\xa1\x01\x82\xf5\xf9\x3c\x00" STATUS BODY)},
      {"/shuffled", LITERAL("\xa4" BODY "\x67headers\xf6\x64meta\xf6" STATUS)},
      {"/open", LITERAL("\xbf" STATUS BODY)},
      {"/segment-kind", LITERAL("\xa2" STATUS "\x64" "body\x5f\x62we\xff")},
      {"/segment-in-segment", LITERAL("\xa2" STATUS "\x64" "body\x5f\x5f\x41w\xff\xff")},
      {"/stray-break", LITERAL("\xa2" STATUS "\x64" "body\xff")},
      {"/reserved", LITERAL("\xa2" STATUS "\x64" "body\x1c")},
      {"/odd-map", LITERAL("\xbf" STATUS "\x64" "body\xff")},
      {"/tagged", LITERAL("\xa2" STATUS "\x64" "body\xd8\x18\x45well\n")},
      {"/undefined", LITERAL("\xa2" STATUS "\x64" "body\xf7")},
      {"/numbers", LITERAL("\xa2" STATUS "\x64" "body\x85\x18w\x18" "e\x18l\x18l\x0a")},
      {"/three", LITERAL("\xa2" STATUS "\x67headers\x81\x83\x41x\x41y\x41z")},
      {"/panic", LITERAL("\xa3" STATUS "\x64meta\xa1\x65panic\xf5" BODY)},
      {"/version", LITERAL("\xa3" STATUS "\x64meta\xa1\x67version\x18\x63" BODY)},
      {"/settled", LITERAL("\xa3" STATUS "\x64meta\xa1\x67version\x02" BODY)},
  };
  for (size_t at = 0; at < sizeof all / sizeof *all; at++)
    if (path_ends(request, all[at].path)) return exactly(all[at].octets, all[at].len);
  return well();
}

HOSTILE("odd_envelope", 0, 0)
