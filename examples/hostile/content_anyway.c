/* Content where there is none: with the status that the path says (204, 205, 304), and in the answer
 * to HEAD. It looks like a reply of its own.
 *
 * Must happen: the status without the content, and the next reply on the connection is the next
 * request's. Were the octets sent, a client would take them for that reply. */
#include "hostile.h"

static FezzOwned misbehave(FezzSlice request) {
  return answer(path_number(request, 200), "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nsplit");
}

HOSTILE("content_anyway", 0, 0)
