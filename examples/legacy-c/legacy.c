/* A function of the earlier boundary: it sends back, as JSON, the request it was given.
 *
 * Serve it with `fezz serve --function legacy=liblegacy_c.so --set legacy.abi=v1`. A new function
 * is written like ../hello-c; this one shows what an old one looks like. */
#include <stdlib.h>
#include <string.h>

char *fezz_fetch(const char *request_json);
void fezz_free(char *response_json);

static const char HEAD[] = "{\"status\":200,\"headers\":[[\"content-type\",\"application/json\"]],"
                           "\"body\":\"{\\\"you_sent\\\":";
static const char TAIL[] = "}\"}";

/* Copies a JSON text so that it can stand inside a JSON string (RFC 8259 7). The host sends no
 * control characters, so only quotes and backslashes need an escape. */
static char *put_quoted(char *at, const char *json) {
  for (; *json != '\0'; json++) {
    if (*json == '"' || *json == '\\') *at++ = '\\';
    *at++ = *json;
  }
  return at;
}

/* The request is lent until return; the answer changes hands. NULL is "no response". */
char *fezz_fetch(const char *request_json) {
  char *answer = malloc(sizeof HEAD + 2 * strlen(request_json) + sizeof TAIL), *at = answer;
  if (answer == NULL) return NULL;
  memcpy(at, HEAD, sizeof HEAD - 1);
  at = put_quoted(at + sizeof HEAD - 1, request_json);
  memcpy(at, TAIL, sizeof TAIL);
  return answer;
}

/* Called once for each answer, by the thread that got it. */
void fezz_free(char *response_json) { free(response_json); }
