/*
 * hostile.h - what the functions of this folder share: the two symbols, a ledger of answers, and
 * a small writer of envelopes. The faults are in the files that include it.
 *
 * A file defines misbehave() and ends with HOSTILE(name, flags, max_concurrency). Two paths are
 * well in every function, wherever it is routed: /.../__well is a plain 200, and /.../__count
 * tells the ledger, a name and a number per line:
 *
 *   calls        calls of misbehave()
 *   returned     of these, how many came back
 *   inside_max   the most calls that were inside at the same time
 *   allocated    answers handed over
 *   freed        answers given back as the contract says: once, whole, on the thread of the call,
 *                before that thread calls again
 *   outstanding  answers not given back yet
 *   strange      answers given back in any other way
 *
 * and whatever the file counts itself. Keep in mind that a call of /__count is a call too: it
 * waits where the function is serial, and is refused while the function is quarantined.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include "fezz.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Not every function needs everything. */
#define SHARED static __attribute__((unused))

/* A CBOR item begins with its kind and its length or count (RFC 8949 3). */
enum { UNSIGNED = 0x00, BYTES = 0x40, TEXT = 0x60, LIST = 0x80, MAP = 0xa0 };

enum { DEBTS_MAX = 1024, OWN_COUNTS_MAX = 8, COUNT_TEXT_BYTES_MAX = 1024 };

typedef struct Debt {
  uint8_t *ptr;
  size_t len;
  pthread_t caller;
  bool from_malloc;
} Debt;

static struct {
  pthread_mutex_t lock;
  uint64_t calls, returned, inside_max, allocated, freed, strange;
  Debt debts[DEBTS_MAX];
  struct {
    const char *name;
    uint64_t value;
  } own[OWN_COUNTS_MAX];
} ledger = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Counts something of the file's own. The name lives as long as the function. */
SHARED uint64_t count_own(const char *name) {
  uint64_t value = 0;
  pthread_mutex_lock(&ledger.lock);
  for (int at = 0; at < OWN_COUNTS_MAX; at++) {
    if (ledger.own[at].name == NULL) ledger.own[at].name = name;
    if (strcmp(ledger.own[at].name, name) == 0) {
      value = ++ledger.own[at].value;
      break;
    }
  }
  pthread_mutex_unlock(&ledger.lock);
  return value;
}

/* Hands octets over and writes the debt down. */
SHARED FezzOwned hand_over_as(uint8_t *ptr, size_t len, bool from_malloc) {
  pthread_mutex_lock(&ledger.lock);
  for (int at = 0; ptr != NULL && at < DEBTS_MAX; at++) {
    Debt *debt = &ledger.debts[at];
    if (debt->ptr != NULL) continue;
    *debt = (Debt){ptr, len, pthread_self(), from_malloc};
    ledger.allocated++;
    break;
  }
  pthread_mutex_unlock(&ledger.lock);
  return (FezzOwned){ptr, len};
}

SHARED FezzOwned hand_over(uint8_t *ptr, size_t len) { return hand_over_as(ptr, len, true); }

#ifndef HOSTILE_OWN_FREE
void fezz_free_v2(FezzOwned buf) {
  bool from_malloc = false;
  pthread_mutex_lock(&ledger.lock);
  Debt *found = NULL;
  for (int at = 0; at < DEBTS_MAX && found == NULL; at++)
    if (buf.ptr != NULL && ledger.debts[at].ptr == buf.ptr) found = &ledger.debts[at];
  if (found != NULL && found->len == buf.len && pthread_equal(found->caller, pthread_self()))
    ledger.freed++;
  else
    ledger.strange++;
  if (found != NULL) {
    from_malloc = found->from_malloc;
    found->ptr = NULL;
  }
  pthread_mutex_unlock(&ledger.lock);
  if (from_malloc) free(buf.ptr);
}
#endif

/* An envelope under construction. */
typedef struct Writer {
  uint8_t *ptr;
  size_t len, room;
} Writer;

SHARED void put_octets(Writer *to, const void *octets, size_t len) {
  if (to->room - to->len < len) {
    to->room = (to->len + len) * 2 + 64;
    to->ptr = realloc(to->ptr, to->room);
    if (to->ptr == NULL) abort();
  }
  if (len > 0) memcpy(to->ptr + to->len, octets, len);
  to->len += len;
}

SHARED void put_octet(Writer *to, int octet) {
  uint8_t one = (uint8_t)octet;
  put_octets(to, &one, 1);
}

SHARED void put_head(Writer *to, int kind, uint64_t count) {
  int size = count < 24 ? 0 : count <= 0xff ? 1 : count <= 0xffff ? 2 : count <= 0xffffffff ? 4 : 8;
  int extra = size == 0 ? (int)count : size == 1 ? 24 : size == 2 ? 25 : size == 4 ? 26 : 27;
  put_octet(to, kind | extra);
  while (size-- > 0) put_octet(to, (int)(count >> (8 * size) & 0xff));
}

SHARED void put_text(Writer *to, const char *text) {
  put_head(to, TEXT, strlen(text));
  put_octets(to, text, strlen(text));
}

SHARED void put_bytes(Writer *to, const void *octets, size_t len) {
  put_head(to, BYTES, len);
  put_octets(to, octets, len);
}

/* {"name": name, "value": value} */
SHARED void put_field(Writer *to, const void *name, size_t name_len, const void *value,
                      size_t value_len) {
  put_head(to, MAP, 2);
  put_text(to, "name");
  put_bytes(to, name, name_len);
  put_text(to, "value");
  put_bytes(to, value, value_len);
}

/* {"status": status, "headers": [`fields` of them, to be put next */
SHARED Writer begin(uint64_t status, uint64_t fields) {
  Writer to = {NULL, 0, 0};
  put_head(&to, MAP, 3);
  put_text(&to, "status");
  put_head(&to, UNSIGNED, status);
  put_text(&to, "headers");
  put_head(&to, LIST, fields);
  return to;
}

/* "body": body} */
SHARED FezzOwned finish(Writer *to, const void *body, size_t len) {
  put_text(to, "body");
  put_bytes(to, body, len);
  return hand_over(to->ptr, to->len);
}

SHARED FezzOwned answer(uint64_t status, const char *body) {
  Writer to = begin(status, 0);
  return finish(&to, body, strlen(body));
}

SHARED FezzOwned well(void) { return answer(200, "well\n"); }

/* Octets as they are. */
SHARED FezzOwned exactly(const void *octets, size_t len) {
  Writer to = {NULL, 0, 0};
  put_octets(&to, octets, len);
  return hand_over(to.ptr, to.len);
}

/* A string literal, also one with NUL inside, as two arguments. */
#define LITERAL(text) (text), sizeof(text) - 1

/* 200 with one field. */
SHARED FezzOwned with_field(const void *name, size_t name_len, const void *value,
                            size_t value_len) {
  Writer to = begin(200, 1);
  put_field(&to, name, name_len, value, value_len);
  return finish(&to, LITERAL("one field\n"));
}

/* The first octet after a text key in what the host wrote before the header fields, or NULL. */
SHARED const uint8_t *after_key(FezzSlice request, const char *key) {
  char item[32];
  size_t len = strlen(key);
  item[0] = (char)(TEXT | (int)len);
  memcpy(item + 1, key, len);
  const uint8_t *found = memmem(request.ptr, request.len, item, len + 1);
  return found == NULL ? NULL : found + len + 1;
}

/* The argument of an item's head. */
SHARED uint64_t argument(const uint8_t **at) {
  int extra = *(*at)++ & 0x1f, size = extra < 24 ? 0 : 1 << (extra - 24);
  uint64_t value = extra < 24 ? (uint64_t)extra : 0;
  while (size-- > 0) value = value << 8 | *(*at)++;
  return value;
}

/* The path of the request, without its query. */
SHARED FezzSlice path(FezzSlice request) {
  const uint8_t *at = after_key(request, "path_and_query");
  if (at == NULL) return (FezzSlice){request.ptr, 0};
  size_t len = (size_t)argument(&at);
  const uint8_t *query = memchr(at, '?', len);
  return (FezzSlice){at, query == NULL ? len : (size_t)(query - at)};
}

/* Whether the last segments of the path are these: path_ends(request, "/name-crlf"). */
SHARED bool path_ends(FezzSlice request, const char *segments) {
  FezzSlice whole = path(request);
  size_t len = strlen(segments);
  return whole.len >= len && memcmp(whole.ptr + whole.len - len, segments, len) == 0;
}

/* The last segment of the path as a number; `otherwise` if it is none. */
SHARED uint64_t path_number(FezzSlice request, uint64_t otherwise) {
  FezzSlice whole = path(request);
  uint64_t value = 0, unit = 1;
  size_t at = whole.len;
  for (; at > 0 && whole.ptr[at - 1] >= '0' && whole.ptr[at - 1] <= '9'; at--, unit *= 10)
    value += (uint64_t)(whole.ptr[at - 1] - '0') * unit;
  return unit > 1 && at > 0 && whole.ptr[at - 1] == '/' ? value : otherwise;
}

/* Milliseconds the host gave this call. */
SHARED uint64_t deadline_ms(FezzSlice request) {
  const uint8_t *at = after_key(request, "deadline_ms");
  return at == NULL ? 0 : argument(&at);
}

SHARED void sleep_ms(uint64_t ms) {
  struct timespec left = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
  while (nanosleep(&left, &left) != 0) continue;
}

SHARED void sleep_forever(void) {
  for (;;) pause();
}

SHARED FezzOwned tell_counts(void) {
  char text[COUNT_TEXT_BYTES_MAX];
  pthread_mutex_lock(&ledger.lock);
  uint64_t outstanding = 0;
  for (int at = 0; at < DEBTS_MAX; at++) outstanding += ledger.debts[at].ptr != NULL;
  int len = snprintf(text, sizeof text,
                     "calls %" PRIu64 "\nreturned %" PRIu64 "\ninside_max %" PRIu64
                     "\nallocated %" PRIu64 "\nfreed %" PRIu64 "\noutstanding %" PRIu64
                     "\nstrange %" PRIu64 "\n",
                     ledger.calls, ledger.returned, ledger.inside_max, ledger.allocated,
                     ledger.freed, outstanding, ledger.strange);
  for (int at = 0; at < OWN_COUNTS_MAX && ledger.own[at].name != NULL; at++)
    len += snprintf(text + len, sizeof text - (size_t)len, "%s %" PRIu64 "\n", ledger.own[at].name,
                    ledger.own[at].value);
  pthread_mutex_unlock(&ledger.lock);
  return answer(200, text);
}

/* The fault of the file. */
static FezzOwned misbehave(FezzSlice request);

FezzOwned fezz_handle_v2(FezzSlice request) {
  pthread_mutex_lock(&ledger.lock);
  /* Whoever calls again has paid what it owes: the answer before was given back. */
  for (int at = 0; at < DEBTS_MAX; at++)
    if (ledger.debts[at].ptr != NULL && pthread_equal(ledger.debts[at].caller, pthread_self()))
      ledger.strange++;
  pthread_mutex_unlock(&ledger.lock);
  if (path_ends(request, "/__count")) return tell_counts();
  if (path_ends(request, "/__well")) return well();
  pthread_mutex_lock(&ledger.lock);
  uint64_t inside = ++ledger.calls - ledger.returned;
  if (inside > ledger.inside_max) ledger.inside_max = inside;
  pthread_mutex_unlock(&ledger.lock);
  FezzOwned out = misbehave(request);
  pthread_mutex_lock(&ledger.lock);
  ledger.returned++;
  pthread_mutex_unlock(&ledger.lock);
  return out;
}

#define HOSTILE(name, flags, max_concurrency)                                                      \
  const FezzIdentityV1 fezz_identity_v1 = FEZZ_IDENTITY(name, "1.0", flags, max_concurrency);

#endif
