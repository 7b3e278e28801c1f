/* Returns a pointer to no octets.
 *
 * Must happen: 502, stage deserialize_response (empty_response); the pointer is given back. */
#include "hostile.h"

static FezzOwned misbehave(FezzSlice request) {
  (void)request;
  return hand_over(malloc(16), 0);
}

HOSTILE("empty_answer", 0, 0)
