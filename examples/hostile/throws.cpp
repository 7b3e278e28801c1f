/* An exception leaves the function.
 *
 * Must happen: the process ends by SIGABRT, and its last line names the artifact and the rule: the
 * locks and memory of the function are in a state that nobody knows. In an isolated runner: 502 for
 * the requests inside, stage crash. */
#include "fezz.h"
#include <stdexcept>

FezzOwned fezz_handle_v2(FezzSlice request) {
  if (request.len > 0) throw std::runtime_error("on purpose, with a secret");
  return {nullptr, 0};
}

void fezz_free_v2(FezzOwned) {}
