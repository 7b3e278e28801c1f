/*
 * fezz.h - the boundary between a Fezz host and a function, in C.
 *
 * A function is a shared object that defines fezz_handle_v2 and fezz_free_v2. Nothing else is
 * required, now or later. Compile with -fPIC -fvisibility=hidden, link with -shared; the
 * declarations below export what must be exported.
 *
 * How to read the comments: the tag in brackets says which thread calls, the guard behind it in
 * which state, "own:" who owns the octets, "why:" the reason for the rule.
 *
 *   [worker]      a thread of the host that lives long and has at least 2 MiB of stack
 *   [any thread]  also several threads at the same time
 *   loaded        after the dynamic linker returned, until the process ends: there is no unloading
 *
 * The header is C11 and C++17, and needs nothing but the two standard headers below.
 */
#ifndef FEZZ_H
#define FEZZ_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) || defined(__clang__)
#define FEZZ_EXPORT __attribute__((visibility("default")))
#else
#define FEZZ_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The level of the boundary this header describes. */
#define FEZZ_ABI_LEVEL 2u

/*
 * Octets that are lent.
 *
 * own: the lender. Do not write to them, keep them or free them.
 * why: a request is read where the host received it; a copy for each call would cost more than
 *      many functions do.
 */
typedef struct FezzSlice {
  const uint8_t *ptr; /* never NULL in a call; no alignment beyond 1 is promised */
  size_t len;
} FezzSlice;

/*
 * Octets that change hands.
 *
 * own: whoever received them, until the very same two values are given to fezz_free_v2.
 * why: each side frees with the allocator it allocated with. There is no third word for a
 *      capacity, so the allocator must be able to free by pointer and length.
 */
typedef struct FezzOwned {
  uint8_t *ptr;
  size_t len;
} FezzOwned;

/*
 * Required. One request envelope in, one response envelope out (CBOR; see wire/FORMAT.md).
 *
 * [worker, any thread] loaded. Calls may overlap unless fezz_identity_v1 limits them.
 *
 * own: req is lent until return. The answer belongs to the host, which returns it to
 *      fezz_free_v2. The answer must not point into req; such a pointer is refused and not freed.
 *
 *   returned           meaning
 *   {NULL, 0}          no response; nothing is freed; the host applies its fallback
 *   {NULL, n}          refused; nothing is freed
 *   {pointer, 0}       freed, and counts as a response that cannot be read
 *   {pointer, n}       read, then freed; above the host's limit it is freed without being read
 *
 * why: an exception or a panic must not leave this function. The host cannot know in which state
 *      the function's locks and memory are left, so it ends the process and names the artifact.
 */
FEZZ_EXPORT FezzOwned fezz_handle_v2(FezzSlice req);

/*
 * Required. Frees exactly what fezz_handle_v2 returned.
 *
 * [worker: the thread that made the call, before it does anything else] loaded, once for each
 * non-NULL pointer that fezz_handle_v2 returned, also when the answer was refused or came after
 * its deadline.
 *
 * own: the octets go back to the function.
 * why: the same thread at once, so that allocators with a cache for each thread stay fast and no
 *      memory of a function outlives its call.
 */
FEZZ_EXPORT void fezz_free_v2(FezzOwned buf);

/* FezzIdentityV1.magic: reads FEZZ in a little-endian file. */
#define FEZZ_IDENTITY_MAGIC UINT32_C(0x5A5A4546)

/* FezzIdentityV1.flags; unknown bits are ignored. */
#define FEZZ_F_INLINE_OK UINT32_C(1)    /* every call is short and never blocks */
#define FEZZ_F_WANTS_RUNNER UINT32_C(2) /* wants a process of its own */

/*
 * Who the artifact is.
 *
 * own: static data of the artifact, never written to.
 * why: without pointers it can be read from the file, before any code of the artifact runs. It
 *      only ever grows at its end: a reader demands the 184 octets below and goes by struct_size.
 */
typedef struct FezzIdentityV1 {
  uint32_t struct_size;     /* sizeof(FezzIdentityV1) when the artifact was compiled */
  uint32_t magic;           /* FEZZ_IDENTITY_MAGIC */
  uint32_t abi_level;       /* FEZZ_ABI_LEVEL */
  uint32_t flags;           /* FEZZ_F_* */
  uint32_t max_concurrency; /* calls at the same time: 0 no limit, 1 one after another */
  uint32_t reserved;        /* 0 */
  char name[64];            /* name of the function: UTF-8, not empty, padded with NUL */
  char version[32];         /* its version, as its author counts */
  char sdk[32];             /* what it was built with */
  uint8_t build_id[32];     /* whatever tells two builds apart; all 0 if unknown */
} FezzIdentityV1;

/*
 * Optional. Without it the function is named after its file and nothing is limited.
 *
 *   const FezzIdentityV1 fezz_identity_v1 = FEZZ_IDENTITY("hello", "1.0", 0, 0);
 */
extern FEZZ_EXPORT const FezzIdentityV1 fezz_identity_v1;

#define FEZZ_IDENTITY(name, version, flags, max_concurrency)                                       \
  {                                                                                                \
    (uint32_t)sizeof(FezzIdentityV1), FEZZ_IDENTITY_MAGIC, FEZZ_ABI_LEVEL, (flags),                \
        (max_concurrency), 0, name, version, "fezz.h", { 0 }                                       \
  }

/*
 * Names with this prefix are reserved; a host calls the ones it knows and a function defines.
 * fezz_handshake_v1 fezz_selfcheck_v1 fezz_init_v1 fezz_cancel_v1 fezz_drain_v1 fezz_fini_v1
 */

#ifdef __cplusplus
}
#endif

#endif
