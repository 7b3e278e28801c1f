/* A good answer under a wrong length. /slack: a hundred octets more than the answer has, still
 * memory of the function. /tail: octets behind it that are not there. /half: half of it. /all: more
 * than an address space holds. /request: begins before the request and claims to reach into it.
 * /beyond: a body that goes on into memory that is not there.
 *
 * Must happen: 502 and given back once. slack and tail: trailing_octets (response_decode), and what
 * follows is not read; half: truncated (deserialize_response); all and request: unread
 * (plugin_call).
 * beyond: no check inside one process can know. Where the memory behind is somebody's, it is read,
 * and strict decoding refuses what follows the answer; here it is nobody's, and the process ends by
 * SIGSEGV. An isolated runner answers from an area of known size. */
#include "hostile.h"
#include <sys/mman.h>

enum { SLACK = 100, PAGE = 4096, BEYOND = 64 };

/* An answer at the very end of what may be read, `missing` octets longer than that. */
static FezzOwned at_the_end(FezzOwned good, size_t missing) {
  uint8_t *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED || mprotect(pages + PAGE, PAGE, PROT_NONE) != 0) return good;
  uint8_t *at = pages + PAGE - good.len;
  memcpy(at, good.ptr, good.len);
  fezz_free_v2(good);
  return hand_over_as(at, good.len + missing, false);
}

static FezzOwned misbehave(FezzSlice request) {
  if (path_ends(request, "/request"))
    return hand_over_as((uint8_t *)(uintptr_t)request.ptr - 8, 16, false);
  if (path_ends(request, "/beyond")) {
    Writer to = begin(200, 0);
    put_text(&to, "body");
    put_head(&to, BYTES, BEYOND);
    return at_the_end(hand_over(to.ptr, to.len), BEYOND);
  }
  FezzOwned good = well();
  if (path_ends(request, "/tail")) return at_the_end(good, BEYOND);
  uint8_t *roomy = calloc(1, good.len + SLACK);
  if (roomy == NULL) return good;
  memcpy(roomy, good.ptr, good.len);
  size_t len = path_ends(request, "/half")  ? good.len / 2
               : path_ends(request, "/all") ? SIZE_MAX
                                            : good.len + SLACK;
  fezz_free_v2(good);
  return hand_over(roomy, len);
}

HOSTILE("wrong_length", 0, 0)
