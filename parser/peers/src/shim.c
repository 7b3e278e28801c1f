/* One request through llhttp with every lenient flag off; what it says becomes offsets and flags. */
#include <string.h>

#include "llhttp.h"

enum { FIELDS_MAX = 512 };

struct span {
    uint32_t start;
    uint32_t length;
};

/* Mirrored by `Story` in llhttp.rs. */
struct story {
    int32_t error;
    uint32_t consumed;
    uint32_t body_bytes;
    uint16_t field_count;
    uint16_t status;
    uint64_t content_length;
    struct span method;
    struct span target;
    uint8_t head_done;
    uint8_t message_done;
    uint8_t keep_alive;
    uint8_t upgrade;
    uint8_t major;
    uint8_t minor;
    uint8_t chunked;
    uint8_t has_length;
    struct span names[FIELDS_MAX];
    struct span values[FIELDS_MAX];
};

struct reading {
    llhttp_t parser;
    const char *octets;
    struct story *story;
    char *body;
    int no_body;
};

static struct reading *of(llhttp_t *parser) { return (struct reading *)parser; }

static void grow(struct reading *reading, struct span *span, const char *at, size_t length) {
    if (span->length == 0) span->start = (uint32_t)(at - reading->octets);
    span->length += (uint32_t)length;
}

static int on_method(llhttp_t *parser, const char *at, size_t length) {
    grow(of(parser), &of(parser)->story->method, at, length);
    return 0;
}

static int on_target(llhttp_t *parser, const char *at, size_t length) {
    grow(of(parser), &of(parser)->story->target, at, length);
    return 0;
}

/* Fields behind the head are trailers: not told. */
static struct story *in_head(llhttp_t *parser) {
    struct story *story = of(parser)->story;
    return story->head_done || story->field_count >= FIELDS_MAX ? 0 : story;
}

static int on_name(llhttp_t *parser, const char *at, size_t length) {
    struct story *story = in_head(parser);
    if (story) grow(of(parser), &story->names[story->field_count], at, length);
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t length) {
    struct story *story = in_head(parser);
    if (story) grow(of(parser), &story->values[story->field_count], at, length);
    return 0;
}

static int on_value_complete(llhttp_t *parser) {
    struct story *story = in_head(parser);
    if (story) story->field_count++;
    return 0;
}

static int on_headers_complete(llhttp_t *parser) {
    struct story *story = of(parser)->story;
    story->head_done = 1;
    story->major = parser->http_major;
    story->minor = parser->http_minor;
    story->upgrade = parser->upgrade;
    story->chunked = (parser->flags & F_CHUNKED) != 0;
    story->has_length = (parser->flags & F_CONTENT_LENGTH) != 0;
    story->content_length = parser->content_length;
    story->status = parser->status_code;
    return of(parser)->no_body;
}

static int on_body(llhttp_t *parser, const char *at, size_t length) {
    struct story *story = of(parser)->story;
    memcpy(of(parser)->body + story->body_bytes, at, length);
    story->body_bytes += (uint32_t)length;
    return 0;
}

static int on_message_complete(llhttp_t *parser) {
    of(parser)->story->message_done = 1;
    of(parser)->story->keep_alive = llhttp_should_keep_alive(parser) != 0;
    return HPE_PAUSED;
}

/* Reads one message at the start of `octets`; `body` has room for as many octets. `kind` is 0 for a
 * request, 1 for a response, 2 for a response to HEAD. */
void fezz_llhttp_read(const char *octets, size_t length, int kind, char *body,
                      struct story *story) {
    static const llhttp_settings_t settings = {
        .on_method = on_method,
        .on_url = on_target,
        .on_header_field = on_name,
        .on_header_value = on_value,
        .on_header_value_complete = on_value_complete,
        .on_headers_complete = on_headers_complete,
        .on_body = on_body,
        .on_message_complete = on_message_complete,
    };
    struct reading reading;
    memset(story, 0, sizeof *story);
    reading.octets = octets;
    reading.story = story;
    reading.body = body;
    reading.no_body = kind == 2;
    llhttp_init(&reading.parser, kind == 0 ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
    story->error = llhttp_execute(&reading.parser, octets, length);
    const char *end = story->error == HPE_OK ? 0 : llhttp_get_error_pos(&reading.parser);
    story->consumed = (uint32_t)(end ? end - octets : (ptrdiff_t)length);
}

const char *fezz_llhttp_error_name(int32_t error) { return llhttp_errno_name(error); }
uint32_t fezz_llhttp_version(void) {
    return LLHTTP_VERSION_MAJOR * 10000 + LLHTTP_VERSION_MINOR * 100 + LLHTTP_VERSION_PATCH;
}
size_t fezz_llhttp_story_bytes(void) { return sizeof(struct story); }
