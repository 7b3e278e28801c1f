/* Changes what belongs to the whole process: /cwd its directory, /umask its mask for new files,
 * /locale its decimal point, /environment a variable.
 *
 * Must happen: 200, and everybody is served; relative paths that are used later (a reload on
 * SIGHUP) mean another place from then on. In an isolated runner: nobody else notices. */
#include "hostile.h"
#include <locale.h>
#include <sys/stat.h>

static FezzOwned misbehave(FezzSlice request) {
  bool changed = false;
  if (path_ends(request, "/cwd")) changed = chdir("/") == 0;
  if (path_ends(request, "/umask")) changed = umask(0777) != 0777;
  if (path_ends(request, "/locale")) changed = setlocale(LC_ALL, "") != NULL;
  if (path_ends(request, "/environment")) changed = setenv("PATH", "/nowhere", 1) == 0;
  return changed ? well() : answer(500, "nothing was changed\n");
}

HOSTILE("changes_process", 0, 0)
