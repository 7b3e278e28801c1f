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
 * Everything below is optional. A host calls what a function defines; for what it does not define
 * there is a default. Names that begin with fezz_ are reserved.
 *
 * In time: fezz_init_v1, fezz_handshake_v1, fezz_selfcheck_v1, calls, fezz_drain_v1, fezz_fini_v1.
 * A handshake is repeated when its answer has expired, and everything is after fezz_fini_v1.
 *
 *   [attendant]   a thread of the host for rare calls, never two of them at the same time for one
 *                 function; its stack is as large as a worker's
 */

/* Levels of FezzHostV1.log; larger numbers are finer and may come to be. */
#define FEZZ_LOG_ERROR UINT32_C(1) /* somebody must act */
#define FEZZ_LOG_WARN UINT32_C(2)  /* somebody should look */
#define FEZZ_LOG_INFO UINT32_C(3)  /* worth knowing */
#define FEZZ_LOG_DEBUG UINT32_C(4) /* for whoever develops the function */

/* Formats of FezzHostV1.invoke. */
#define FEZZ_FORMAT_JSON UINT32_C(0)
#define FEZZ_FORMAT_MSGPACK UINT32_C(1)
#define FEZZ_FORMAT_CBOR UINT32_C(2)

/* What FezzHostV1.invoke returns where it has no answer. */
#define FEZZ_INVOKE_UNSUPPORTED INT32_C(1)  /* this host has no such services */
#define FEZZ_INVOKE_UNKNOWN_CALL INT32_C(2) /* no call with this number is running */
#define FEZZ_INVOKE_FORMAT INT32_C(3)       /* the host does not speak this format */
#define FEZZ_INVOKE_REQUEST INT32_C(4)      /* no request, one too long, or no place for out */
#define FEZZ_INVOKE_CANCELLED INT32_C(5)    /* nobody waits for the call any more */
#define FEZZ_INVOKE_FAILED INT32_C(6)       /* the service failed */

/* FezzHostV1.remaining_ns: nobody counts. */
#define FEZZ_NO_DEADLINE UINT64_MAX

/* Why fezz_cancel_v1 is called; other numbers may come to be. */
#define FEZZ_CANCEL_DEADLINE UINT32_C(1)    /* its time is up */
#define FEZZ_CANCEL_CLIENT_GONE UINT32_C(2) /* the client went away */
#define FEZZ_CANCEL_DRAIN UINT32_C(3)       /* the server is about to stop */

/*
 * What the host does for a function.
 *
 * [any thread] from fezz_init_v1 until the process ends. Every member may be called from inside a
 * call, from threads of the function, and about calls that have ended.
 *
 * own: the host, for ever; keep the pointer. What invoke puts into out belongs to the function
 *      until it is given to release, once. Slices are lent until the member returns.
 * why: a call is a number, the one of meta.call in its request, and 0 outside of calls. The host
 *      looks it up, so a number that is kept too long finds nothing. The table only ever grows at
 *      its end: a member that is not among the seven below may be used if struct_size covers it.
 */
typedef struct FezzHostV1 {
  uint32_t struct_size; /* sizeof(FezzHostV1) when the host was compiled */
  uint32_t abi_level;   /* FEZZ_ABI_LEVEL of the host */
  void *ctx;            /* first argument of every member; means nothing to a function */
  /* one line, UTF-8, without its end; above 8 KiB it is cut */
  void (*log)(void *ctx, uint64_t call, uint32_t level, FezzSlice text);
  /* 1: nobody waits for the call any more; 0: go on */
  uint32_t (*cancelled)(void *ctx, uint64_t call);
  /* nanoseconds the call has left, or FEZZ_NO_DEADLINE */
  uint64_t (*remaining_ns)(void *ctx, uint64_t call);
  /* 0: *out is a response envelope; FEZZ_INVOKE_*: it is {NULL, 0} */
  int32_t (*invoke)(void *ctx, uint64_t call, uint32_t format, FezzSlice req, FezzOwned *out);
  void (*release)(void *ctx, FezzOwned buf);
} FezzHostV1;

/*
 * Optional. Takes the services of the host and the settings of the operator: a CBOR map of text
 * to text. Returns 0, or any other number: then the function is not used, and the number is told
 * to the operator. Without it there are no services, and no meta.call in requests unless
 * fezz_cancel_v1 is defined.
 *
 * [attendant] loaded, before any other function of this header; again after fezz_fini_v1.
 *
 * own: host is the function's to keep; settings are lent until return.
 * why: constructors run before anybody could say what they need, and cannot fail.
 */
FEZZ_EXPORT int32_t fezz_init_v1(const FezzHostV1 *host, FezzSlice settings);

/*
 * Optional. An offer in, an answer out (CBOR; see wire/FORMAT.md): which version of handle, which
 * capabilities the function cannot do without, what should answer when it fails, and for how long
 * this holds. Without it: version 2, none, whatever the operator says, for ever.
 *
 * [attendant] loaded, after fezz_init_v1 and before calls; again when the answer has expired.
 *
 * own: as with fezz_handle_v2; above 64 KiB the answer is freed without being read.
 * why: what does not fit is found before there is traffic, and is told in words.
 */
FEZZ_EXPORT FezzOwned fezz_handshake_v1(FezzSlice offer);

/*
 * Optional. A specification in, a verdict out (CBOR; see wire/FORMAT.md). The function tries
 * itself, without effects that outlive the check. With a failure in its verdict it gets no traffic.
 * Without it the function is taken to be well.
 *
 * [attendant] loaded, after fezz_handshake_v1 and before calls.
 *
 * own: as with fezz_handle_v2; above 64 KiB the verdict is freed without being read.
 * why: only the function knows what it depends on.
 */
FEZZ_EXPORT FezzOwned fezz_selfcheck_v1(FezzSlice spec);

/*
 * Optional. Nobody waits for the call with this number any more; reason is FEZZ_CANCEL_*. Stop
 * working for it as soon as that is convenient, and return anything. Without it a function may
 * still ask FezzHostV1.cancelled, or finish in vain.
 *
 * [attendant] loaded, while the call runs, and because threads race, also shortly after it.
 *
 * own: nothing changes hands.
 * why: advice, no more: the host has given up the call already and does not wait for this.
 */
FEZZ_EXPORT void fezz_cancel_v1(uint64_t call, uint32_t reason);

/*
 * Optional. Bring to an end what the function does beside its calls, such as writing behind, within
 * so many nanoseconds. Returns 0 when that is done, else any other number. Without it there is
 * nothing to wait for.
 *
 * [attendant] loaded, while the last calls may still run; fezz_fini_v1 follows.
 *
 * own: nothing changes hands.
 * why: the process ends after the deadline, whatever is unfinished then.
 */
FEZZ_EXPORT int32_t fezz_drain_v1(uint64_t deadline_ns);

/*
 * Optional. The function is not used any more: let go of connections and threads. Without it they
 * stay until the process ends.
 *
 * [attendant] loaded, no call runs, and none comes before another fezz_init_v1.
 *
 * own: nothing changes hands; FezzHostV1 stays valid.
 * why: there is no unloading, so nothing else would ever let go of them.
 */
FEZZ_EXPORT void fezz_fini_v1(void);

#ifdef __cplusplus
}
#endif

#endif
