/* Closes descriptors that it does not own: /listener, /clients, /poll, /wake, /standard.
 *
 * Must happen: nothing good, and no function outside of a process of its own can be kept from it.
 * What each costs stands in the table of README.md. */
#include "hostile.h"
#include <sys/socket.h>

enum { DESCRIPTORS_MAX = 256 };

static bool is_socket(int at, bool listening) {
  int accepts = 0;
  socklen_t len = sizeof accepts;
  if (getsockopt(at, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &len) != 0) return false;
  return (accepts != 0) == listening;
}

static bool is_called(int at, const char *name) {
  char link[32], found[64] = {0};
  snprintf(link, sizeof link, "/proc/self/fd/%d", at);
  return readlink(link, found, sizeof found - 1) > 0 && strstr(found, name) != NULL;
}

static FezzOwned misbehave(FezzSlice request) {
  for (int at = 0; at < DESCRIPTORS_MAX; at++) {
    bool meant = (path_ends(request, "/listener") && is_socket(at, true)) ||
                 (path_ends(request, "/clients") && is_socket(at, false)) ||
                 (path_ends(request, "/poll") && is_called(at, "[eventpoll]")) ||
                 (path_ends(request, "/wake") && is_called(at, "[eventfd]")) ||
                 (path_ends(request, "/standard") && at <= 2);
    if (meant) close(at);
  }
  return well();
}

HOSTILE("closes_descriptors", 0, 0)
