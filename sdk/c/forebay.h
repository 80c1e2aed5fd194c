/* Write Forebay filters in C: one header, no library beneath it.
 *
 *   #include "forebay.h"
 *
 *   forebay_verdict forebay_filter(const forebay_event *event)
 *   {
 *       return forebay_keep(forebay_is(event->type, "order.paid"));
 *   }
 *
 * The contract with the host is `sdk/guest-abi.md`. What begins with `forebay__` is not promised.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef FOREBAY_H
#define FOREBAY_H

#ifndef __wasm32__
#error "forebay.h is for --target=wasm32: the host's structures are read in place"
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Bytes ------------------------------------------------------------------------------- */

/* Bytes of anybody's: an event's, a literal's, the arena's. They do not end with a NUL. */
typedef struct {
    const char *ptr;
    size_t len;
} forebay_bytes;

/* ---- Events ------------------------------------------------------------------------------ */

/* What happened. It lies in the host's batch as it is here, so reading it costs nothing; it is
 * gone when the filter has answered for the whole batch. Id, type and key are UTF-8. */
typedef struct {
    uint64_t offset;            /* its place in the log */
    int64_t time_ns;            /* when it came in, since the Unix epoch: the only clock there is */
    forebay_bytes key;          /* what keyed order goes by; empty when it has none */
    forebay_bytes type;         /* dotted, like order.paid */
    forebay_bytes header_block; /* for forebay_header and forebay_headers */
    forebay_bytes body;         /* the bytes as they came in */
    uint32_t flags;             /* for forebay_is_json and its like */
    uint32_t runs;              /* how often this filter has been given the event before */
    forebay_bytes id;           /* evt_..., unique */
} forebay_event;

/* ---- Verdicts ---------------------------------------------------------------------------- */

/* What the filter says of one event. Made by the functions below. */
typedef struct {
    uint32_t kind;
    uint32_t delay_ms;
    forebay_bytes reason;
} forebay_verdict;

/* What is delivered in place of an event. Made by forebay_output_of; what is not set on it is
 * inherited from the event, not copied. */
typedef struct {
    uint32_t source;
    uint8_t verdict;
    uint8_t mask;
    uint16_t route;
    uint32_t delay_ms;
    uint32_t zero;
    forebay_bytes key;
    forebay_bytes type;
    forebay_bytes headers;
    forebay_bytes body;
    forebay_bytes reason;
    uint32_t header_count;
    uint32_t zero2;
} forebay_output;

/* You write this one. The host calls nothing else of yours. */
forebay_verdict forebay_filter(const forebay_event *event);

/* ---- Inside ------------------------------------------------------------------------------ */

#define FOREBAY__HOST(name) __attribute__((import_module("forebay_v1"), import_name(name)))
/* One copy for the whole module, however many files include this one. */
#define FOREBAY__SHARED __attribute__((weak))

FOREBAY__HOST("log") int32_t forebay__host_log(uint32_t level, const char *line, size_t len);
FOREBAY__HOST("fail") int32_t forebay__host_fail(const char *why, size_t len);
FOREBAY__HOST("random") int64_t forebay__host_random(void);
FOREBAY__HOST("config_get")
int32_t forebay__host_config(const char *name, size_t len, char *to, size_t room);
FOREBAY__HOST("table_get")
int32_t forebay__host_table(const char *table, size_t table_len, const char *key, size_t len,
                            char *to, size_t room);
FOREBAY__HOST("metric")
int32_t forebay__host_metric(const char *name, size_t len, uint32_t kind, double value);

enum { FOREBAY__DROP = 0, FOREBAY__PASS = 1, FOREBAY__EMIT = 2, FOREBAY__REJECT = 3,
       FOREBAY__RETRY = 4 };
enum { FOREBAY__KEY = 1, FOREBAY__TYPE = 2, FOREBAY__HEADERS = 4, FOREBAY__BODY = 8 };

typedef struct {
    uint32_t magic;
    uint16_t version, header_len;
    uint32_t total, count, entries, stride;
    uint64_t reserved, first_offset;
    uint32_t partition, flags;
    volatile uint32_t progress;
    uint32_t zero[3];
} forebay__batch;

typedef struct {
    uint32_t magic, count;
    forebay_output *rows;
    uint32_t stride, zero[4];
} forebay__result;

#ifdef __cplusplus
#define FOREBAY__ASSERT static_assert
#else
#define FOREBAY__ASSERT _Static_assert
#endif
FOREBAY__ASSERT(sizeof(forebay_event) == 64, "an entry of the batch");
FOREBAY__ASSERT(offsetof(forebay_event, id) == 56, "an entry of the batch");
FOREBAY__ASSERT(sizeof(forebay_output) == 64, "a row of the result");
FOREBAY__ASSERT(offsetof(forebay_output, reason) == 48, "a row of the result");
FOREBAY__ASSERT(sizeof(forebay__batch) == 64, "the batch's header");
FOREBAY__ASSERT(offsetof(forebay__batch, progress) == 48, "the batch's header");
FOREBAY__ASSERT(sizeof(forebay__result) == 32, "the result's header");

/* Memory is in regions that memory.grow gave: what lies below may belong to an allocator of
 * libc's, and whoever else grows memory is not disturbed. The host's buffer is the beginning of
 * one region; all the rest is the arena, which is empty again at each batch. */
typedef struct forebay__region {
    struct forebay__region *next; /* at a higher address */
    char *end;
    uint32_t zero[2];
} forebay__region;

typedef struct {
    forebay__region *first, *last;
    forebay__region *home; /* where the host's buffer is, */
    size_t room;           /* and how large */
    forebay__region *at;   /* where the arena goes on; null before its first use */
    char *top;
    char *sealed; /* what lies below it may be part of the answer */
    forebay_bytes failure;

    uint32_t index;   /* of the event in hand */
    char *verdicts;   /* the short form of the answer, while that is enough */
    bool is_full;     /* it is not: there are rows */
    forebay_output *rows;
    uint32_t row_count, row_room;
    forebay__result result;
} forebay__state_type;

FOREBAY__SHARED forebay__state_type forebay__state;

/* The compiler may call these where no libc is. Where one is, its own are as good. They have names
 * of ours, so that a libc's header may declare them as it likes. */
#define FOREBAY__LIBC __attribute__((weak, no_builtin))
void *forebay__memcpy(void *to, const void *from, size_t len) __asm__("memcpy");
void *forebay__memmove(void *to, const void *from, size_t len) __asm__("memmove");
void *forebay__memset(void *to, int byte, size_t len) __asm__("memset");
int forebay__memcmp(const void *a, const void *b, size_t len) __asm__("memcmp");
size_t forebay__strlen(const char *text) __asm__("strlen");

FOREBAY__LIBC void *forebay__memcpy(void *to, const void *from, size_t len)
{
    char *t = (char *)to;
    const char *f = (const char *)from;
    for (; len >= 8; len -= 8, t += 8, f += 8) {
        typedef uint64_t __attribute__((may_alias, aligned(1))) word;
        *(word *)t = *(const word *)f;
    }
    for (; len > 0; len--) *t++ = *f++;
    return to;
}

FOREBAY__LIBC void *forebay__memmove(void *to, const void *from, size_t len)
{
    char *t = (char *)to;
    const char *f = (const char *)from;
    if (t <= f) {
        while (len-- > 0) *t++ = *f++;
    } else {
        while (len-- > 0) t[len] = f[len];
    }
    return to;
}

FOREBAY__LIBC void *forebay__memset(void *to, int byte, size_t len)
{
    char *t = (char *)to;
    while (len-- > 0) *t++ = (char)byte;
    return to;
}

FOREBAY__LIBC int forebay__memcmp(const void *a, const void *b, size_t len)
{
    const unsigned char *x = (const unsigned char *)a, *y = (const unsigned char *)b;
    for (; len > 0; len--, x++, y++) {
        if (*x != *y) return *x < *y ? -1 : 1;
    }
    return 0;
}

FOREBAY__LIBC size_t forebay__strlen(const char *text)
{
    size_t len = 0;
    while (text[len] != 0) len++;
    return len;
}

/* ---- Failing ----------------------------------------------------------------------------- */

/* Traps; the message reaches the operator, and only the event in hand suffers. */
__attribute__((noreturn)) static inline void forebay_panic(const char *why)
{
    forebay__host_fail(why, __builtin_strlen(why));
    __builtin_trap();
}

/* ---- Memory ------------------------------------------------------------------------------ */

#define FOREBAY__PAGE ((size_t)65536)
#define FOREBAY__BYTES_MAX ((size_t)1 << 30)

static inline char *forebay__start(const forebay__region *region)
{
    char *start = (char *)region + sizeof(forebay__region);
    return region == forebay__state.home ? start + forebay__state.room : start;
}

static inline char *forebay__grown(size_t bytes)
{
    size_t before = __builtin_wasm_memory_grow(0, (bytes + FOREBAY__PAGE - 1) / FOREBAY__PAGE);
    return before == (size_t)-1 ? NULL : (char *)(before * FOREBAY__PAGE);
}

/* Null where no libc is linked, or nobody allocates. */
static void *forebay__malloc(size_t len) __attribute__((weakref("malloc")));

/* Makes the last region larger, so that `bytes` fit behind `from` in it, or else a new one. */
FOREBAY__SHARED bool forebay__grow(size_t bytes, const char *from)
{
    forebay__state_type *s = &forebay__state;
    /* At its first call it may take all memory that is there for its own. Let that be before. */
    if (s->first == NULL && forebay__malloc != NULL) {
        void *volatile first = forebay__malloc(1);
        (void)first;
    }
    size_t end = __builtin_wasm_memory_size(0) * FOREBAY__PAGE;
    bool extends = s->last != NULL && (size_t)s->last->end == end;
    size_t lacking = extends ? bytes - (size_t)(s->last->end - from)
                             : bytes + sizeof(forebay__region);
    size_t more = lacking < ((size_t)4 << 20) ? lacking / 2 : 0;
    char *grown = forebay__grown(lacking + more);
    if (grown == NULL) grown = forebay__grown(lacking);
    if (grown == NULL) return false;
    char *grown_end = (char *)(__builtin_wasm_memory_size(0) * FOREBAY__PAGE);
    if (extends) {
        s->last->end = grown_end;
        return true;
    }
    forebay__region *region = (forebay__region *)grown;
    region->next = NULL;
    region->end = grown_end;
    if (s->last != NULL) s->last->next = region;
    else s->first = region;
    s->last = region;
    return true;
}

/* Memory that lasts until the host has read the answer to this batch, 16-byte aligned. There is
 * no freeing, and never a null: a filter without memory traps. What shall last longer belongs in
 * statics. */
FOREBAY__SHARED void *forebay_alloc(size_t len)
{
    forebay__state_type *s = &forebay__state;
    if (len > FOREBAY__BYTES_MAX) forebay_panic("out of memory");
    for (;;) {
        if (s->at != NULL) {
            char *place = (char *)(((size_t)s->top + 15) & ~(size_t)15);
            if (place <= s->at->end && len <= (size_t)(s->at->end - place)) {
                s->top = place + len;
                return place;
            }
        }
        forebay__region *next = s->at != NULL ? s->at->next : s->first;
        if (next != NULL) {
            s->at = next;
            s->top = forebay__start(next);
        } else if (!forebay__grow(len + 16, s->top)) {
            forebay_panic("out of memory");
        }
    }
}

/* Where the host writes the next batch. It asks when no answer of ours is read any more. */
FOREBAY__SHARED __attribute__((export_name("forebay_buffer"))) void *forebay_buffer(size_t len)
{
    forebay__state_type *s = &forebay__state;
    if (s->home != NULL && len <= s->room) return s->home + 1;
    s->home = NULL;
    s->at = NULL;
    if (len > FOREBAY__BYTES_MAX) return NULL;
    len = (len + 15) & ~(size_t)15;
    forebay__region *region = s->first;
    while (region != NULL && (size_t)(region->end - forebay__start(region)) < len) {
        region = region->next;
    }
    if (region == NULL) {
        if (!forebay__grow(len, s->last != NULL ? forebay__start(s->last) : NULL)) return NULL;
        region = s->last;
    }
    s->home = region;
    s->room = len;
    return region + 1;
}

/* ---- Working with bytes ------------------------------------------------------------------ */

static inline forebay_bytes forebay_bytes_of(const void *ptr, size_t len)
{
    forebay_bytes bytes = {(const char *)ptr, len};
    return bytes;
}

/* The bytes of a C string. Not copied. */
static inline forebay_bytes forebay_str(const char *text)
{
    return forebay_bytes_of(text, __builtin_strlen(text));
}

static inline bool forebay_equal(forebay_bytes a, forebay_bytes b)
{
    return a.len == b.len && __builtin_memcmp(a.ptr, b.ptr, a.len) == 0;
}

static inline bool forebay_is(forebay_bytes bytes, const char *text)
{
    return forebay_equal(bytes, forebay_str(text));
}

static inline bool forebay_starts_with(forebay_bytes bytes, const char *text)
{
    size_t len = __builtin_strlen(text);
    return bytes.len >= len && __builtin_memcmp(bytes.ptr, text, len) == 0;
}

#define FOREBAY_NOWHERE ((size_t)-1)

/* Where `what` begins first; FOREBAY_NOWHERE when it is not there. */
FOREBAY__SHARED size_t forebay_find(forebay_bytes bytes, forebay_bytes what)
{
    if (what.len == 0) return 0;
    for (size_t i = 0; i + what.len <= bytes.len; i++) {
        const char *here = bytes.ptr + i;
        if (*here == *what.ptr && __builtin_memcmp(here, what.ptr, what.len) == 0) return i;
    }
    return FOREBAY_NOWHERE;
}

static inline bool forebay_contains(forebay_bytes bytes, const char *text)
{
    return forebay_find(bytes, forebay_str(text)) != FOREBAY_NOWHERE;
}

/* From `from` to before `to`; both are moved into the bytes. Not copied. */
static inline forebay_bytes forebay_slice(forebay_bytes bytes, size_t from, size_t to)
{
    if (to > bytes.len) to = bytes.len;
    if (from > to) from = to;
    return forebay_bytes_of(bytes.ptr + from, to - from);
}

/* Appends. What `bytes` are at first is never written to: they are copied unless they are the
 * last thing in the arena. So build one text after the other rather than two in turn. */
FOREBAY__SHARED void forebay_add(forebay_bytes *bytes, forebay_bytes more)
{
    forebay__state_type *s = &forebay__state;
    if (more.len == 0) return;
    bool is_last = bytes->len > 0 && s->at != NULL && bytes->ptr + bytes->len == s->top;
    if (is_last && more.len <= (size_t)(s->at->end - s->top)) {
        __builtin_memcpy(s->top, more.ptr, more.len);
        s->top += more.len;
        bytes->len += more.len;
        return;
    }
    if (more.len > FOREBAY__BYTES_MAX || bytes->len > FOREBAY__BYTES_MAX) {
        forebay_panic("out of memory");
    }
    char *copy = (char *)forebay_alloc(bytes->len + more.len);
    if (bytes->len > 0) __builtin_memcpy(copy, bytes->ptr, bytes->len);
    __builtin_memcpy(copy + bytes->len, more.ptr, more.len);
    *bytes = forebay_bytes_of(copy, bytes->len + more.len);
}

static inline void forebay_add_str(forebay_bytes *bytes, const char *text)
{
    forebay_add(bytes, forebay_str(text));
}

/* In decimal. */
static inline void forebay_add_unsigned(forebay_bytes *bytes, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    forebay_add(bytes, forebay_bytes_of(digits + at, sizeof digits - at));
}

static inline void forebay_add_signed(forebay_bytes *bytes, int64_t number)
{
    if (number < 0) forebay_add_str(bytes, "-");
    forebay_add_unsigned(bytes, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

/* Reads a decimal number that is all of `bytes`; false when it is none or too large. */
static inline bool forebay_read_unsigned(forebay_bytes bytes, uint64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        uint64_t digit = (uint64_t)(unsigned char)bytes.ptr[i] - '0';
        if (digit > 9 || *number > (UINT64_MAX - digit) / 10) return false;
        *number = *number * 10 + digit;
    }
    return bytes.len > 0;
}

/* ---- Reading events ---------------------------------------------------------------------- */

static inline bool forebay_is_json(const forebay_event *event) { return event->flags & 1; }
/* Not an event but a timer that the filter has set. */
static inline bool forebay_is_timer(const forebay_event *event) { return event->flags & 2; }
static inline bool forebay_is_replay(const forebay_event *event) { return event->flags & 4; }
/* Somebody tries the filter; nothing is delivered. */
static inline bool forebay_is_dry_run(const forebay_event *event) { return event->flags & 8; }

/* A walk over headers:
 *
 *   forebay_headers walk = forebay_headers_of(event);
 *   while (forebay_next_header(&walk)) use(walk.name, walk.value);
 *
 * Names are in lower case; values are bytes. */
typedef struct {
    forebay_bytes name;
    forebay_bytes value;
    uint32_t left;
    forebay_bytes rest;
} forebay_headers;

static inline uint32_t forebay__word(const char *at)
{
    uint32_t word;
    __builtin_memcpy(&word, at, sizeof word);
    return word;
}

static inline forebay_headers forebay__walk(forebay_bytes block)
{
    forebay_headers walk = {{NULL, 0}, {NULL, 0}, 0, {NULL, 0}};
    if (block.len >= 4) {
        walk.left = forebay__word(block.ptr);
        walk.rest = forebay_slice(block, 4, block.len);
    }
    return walk;
}

static inline forebay_headers forebay_headers_of(const forebay_event *event)
{
    return forebay__walk(event->header_block);
}

FOREBAY__SHARED bool forebay_next_header(forebay_headers *walk)
{
    if (walk->left == 0 || walk->rest.len < 8) return false;
    size_t name_len = forebay__word(walk->rest.ptr) & 0xffff;
    size_t value_len = forebay__word(walk->rest.ptr + 4);
    size_t room = walk->rest.len - 8;
    if (name_len > room || value_len > room - name_len) {
        forebay_panic("a header ends outside of the headers");
    }
    walk->name = forebay_bytes_of(walk->rest.ptr + 8, name_len);
    walk->value = forebay_bytes_of(walk->name.ptr + name_len, value_len);
    walk->rest = forebay_slice(walk->rest, (8 + name_len + value_len + 3) & ~(size_t)3,
                               walk->rest.len);
    walk->left--;
    return true;
}

static inline uint32_t forebay_header_count(const forebay_event *event)
{
    return forebay_headers_of(event).left;
}

/* The first value of a header, `name` in lower case; false when there is none. */
static inline bool forebay_header(const forebay_event *event, const char *name,
                                  forebay_bytes *value)
{
    forebay_headers walk = forebay_headers_of(event);
    while (forebay_next_header(&walk)) {
        if (forebay_is(walk.name, name)) {
            *value = walk.value;
            return true;
        }
    }
    return false;
}

/* The name of the source that let the event in. */
static inline forebay_bytes forebay_source(const forebay_event *event)
{
    forebay_bytes source = {NULL, 0};
    forebay_header(event, "ce-source", &source);
    return source;
}

/* ---- Answering --------------------------------------------------------------------------- */

static inline forebay_verdict forebay__verdict(uint32_t kind, uint32_t delay_ms,
                                               forebay_bytes reason)
{
    forebay_verdict verdict = {kind, delay_ms, reason};
    return verdict;
}

/* Delivered as it is. */
static inline forebay_verdict forebay_pass(void)
{
    return forebay__verdict(FOREBAY__PASS, 0, forebay_bytes_of(NULL, 0));
}

/* Not wanted: nothing is delivered. */
static inline forebay_verdict forebay_drop(void)
{
    return forebay__verdict(FOREBAY__DROP, 0, forebay_bytes_of(NULL, 0));
}

/* Passed or dropped. */
static inline forebay_verdict forebay_keep(bool is_wanted)
{
    return is_wanted ? forebay_pass() : forebay_drop();
}

/* To the dead letters, where a person finds it with this reason. */
static inline forebay_verdict forebay_reject(forebay_bytes reason)
{
    return forebay__verdict(FOREBAY__REJECT, 0, reason);
}

/* Shown to the filter again, not before so many milliseconds. */
static inline forebay_verdict forebay_retry(uint32_t delay_ms, forebay_bytes reason)
{
    return forebay__verdict(FOREBAY__RETRY, delay_ms, reason);
}

/* Says why, from any depth; false, so that a function can end with it. */
static inline bool forebay_fail(forebay_bytes why)
{
    forebay__state.failure = why;
    return false;
}

/* Rejected, for what forebay_fail said. */
static inline forebay_verdict forebay_failed(void)
{
    return forebay_reject(forebay__state.failure);
}

/* The event as it is, until something is set. */
static inline forebay_output forebay_output_of(const forebay_event *event)
{
    forebay_output output = {0, FOREBAY__EMIT, 0, 0, 0, 0, {NULL, 0}, {NULL, 0},
                             event->header_block, {NULL, 0}, {NULL, 0}, 0, 0};
    return output;
}

static inline void forebay_set_key(forebay_output *output, forebay_bytes key)
{
    output->mask |= FOREBAY__KEY;
    output->key = key;
}

static inline void forebay_set_type(forebay_output *output, forebay_bytes type)
{
    output->mask |= FOREBAY__TYPE;
    output->type = type;
}

static inline void forebay_set_body(forebay_output *output, forebay_bytes body)
{
    output->mask |= FOREBAY__BODY;
    output->body = body;
}

/* A pipe's declared output by number; 0 is the default one, 0xffff is all. */
static inline void forebay_set_route(forebay_output *output, uint16_t route)
{
    output->route = route;
}

static inline void forebay_clear_headers(forebay_output *output)
{
    output->mask |= FOREBAY__HEADERS;
    output->headers = forebay_bytes_of(NULL, 0);
    output->header_count = 0;
}

/* A copy of the headers, which begin with their right number. */
static inline void forebay__own_headers(forebay_output *output)
{
    size_t len = output->headers.len > 4 ? output->headers.len : 4;
    char *own = (char *)forebay_alloc(len);
    if (output->headers.len > 0) __builtin_memcpy(own, output->headers.ptr, output->headers.len);
    __builtin_memcpy(own, &output->header_count, 4);
    output->headers = forebay_bytes_of(own, len);
}

/* Room for so many bytes behind the headers, which are the output's own from then on: those of the
 * batch, and those of what was emitted, are not written to. */
FOREBAY__SHARED char *forebay__header_room(forebay_output *output, size_t more)
{
    forebay__state_type *s = &forebay__state;
    forebay_bytes *block = &output->headers;
    size_t len = block->len > 4 ? block->len : 4;
    bool is_own = (output->mask & FOREBAY__HEADERS) && block->len > 0 && block->ptr >= s->sealed;
    if (!(output->mask & FOREBAY__HEADERS)) {
        output->header_count = block->len >= 4 ? forebay__word(block->ptr) : 0;
    }
    output->mask |= FOREBAY__HEADERS;
    if (is_own && s->at != NULL && block->ptr + block->len == s->top
        && more <= (size_t)(s->at->end - s->top)) {
        s->top += more;
    } else {
        if (block->len > FOREBAY__BYTES_MAX || more > FOREBAY__BYTES_MAX) {
            forebay_panic("out of memory");
        }
        char *own = (char *)forebay_alloc(len + more);
        if (block->len > 0) __builtin_memcpy(own, block->ptr, block->len);
        block->ptr = own;
    }
    block->len = len + more;
    return (char *)block->ptr + len;
}

/* Appends one, whatever there is of that name; `name` in lower case. */
FOREBAY__SHARED void forebay_add_header(forebay_output *output, forebay_bytes name,
                                        forebay_bytes value)
{
    uint32_t lens[2] = {(uint32_t)name.len, (uint32_t)value.len}, zero = 0;
    if (name.len > 0xffff) forebay_panic("a header's name is too long");
    size_t len = 8 + name.len + value.len, padded = (len + 3) & ~(size_t)3;
    if (value.len > FOREBAY__BYTES_MAX) forebay_panic("out of memory");
    char *at = forebay__header_room(output, padded);
    __builtin_memcpy(at + padded - 4, &zero, 4);
    __builtin_memcpy(at, lens, 8);
    __builtin_memcpy(at + 8, name.ptr, name.len);
    __builtin_memcpy(at + 8 + name.len, value.ptr, value.len);
    output->header_count++;
    __builtin_memcpy((char *)output->headers.ptr, &output->header_count, 4);
}

FOREBAY__SHARED void forebay__remove_header(forebay_output *output, forebay_bytes name)
{
    forebay_headers all = forebay__walk(output->headers), walk = all;
    bool is_there = false;
    while (!is_there && forebay_next_header(&walk)) is_there = forebay_equal(walk.name, name);
    if (!is_there) return;
    forebay_clear_headers(output);
    while (forebay_next_header(&all)) {
        if (!forebay_equal(all.name, name)) forebay_add_header(output, all.name, all.value);
    }
}

/* Takes away all of that name. */
static inline void forebay_remove_header(forebay_output *output, const char *name)
{
    forebay__remove_header(output, forebay_str(name));
}

/* Sets one header and keeps those of other names; `name` in lower case. The host refuses names
 * that belong to the delivery: webhook-*, host, content-length, transfer-encoding. */
static inline void forebay_set_header(forebay_output *output, const char *name,
                                      forebay_bytes value)
{
    forebay_remove_header(output, name);
    forebay_add_header(output, forebay_str(name), value);
}

/* A new row of the answer. */
FOREBAY__SHARED forebay_output *forebay__row(void)
{
    forebay__state_type *s = &forebay__state;
    if (s->row_count == s->row_room) {
        uint32_t room = s->row_room * 2 + 16;
        forebay_output *rows = (forebay_output *)forebay_alloc(room * sizeof(forebay_output));
        size_t len = s->row_count * sizeof(forebay_output);
        if (len > 0) __builtin_memcpy(rows, s->rows, len);
        s->rows = rows;
        s->row_room = room;
    }
    return &s->rows[s->row_count++];
}

static inline void forebay__say(uint32_t source, forebay_verdict verdict)
{
    forebay_output row = {source, (uint8_t)verdict.kind, 0, 0, verdict.delay_ms, 0, {NULL, 0},
                          {NULL, 0}, {NULL, 0}, {NULL, 0}, verdict.reason, 0, 0};
    *forebay__row() = row;
}

/* From here on the answer has rows. */
FOREBAY__SHARED void forebay__be_full(void)
{
    forebay__state_type *s = &forebay__state;
    if (s->is_full) return;
    s->is_full = true;
    for (uint32_t i = 0; i < s->index; i++) {
        forebay__say(i, forebay__verdict((uint8_t)s->verdicts[8 + i], 0,
                                         forebay_bytes_of(NULL, 0)));
    }
}

/* This instead. Called several times it fans out, in this order; the answer is then what the
 * last call returned, or forebay_emitted(). At most 64 for one event. */
FOREBAY__SHARED forebay_verdict forebay_emit(const forebay_output *output)
{
    forebay__state_type *s = &forebay__state;
    forebay__be_full();
    forebay_output *row = forebay__row();
    *row = *output;
    row->source = s->index;
    row->header_count = 0;
    /* A copy of this output had a header more and was built upon the same bytes. */
    if (output->mask & FOREBAY__HEADERS && output->headers.len > 0
        && forebay__word(output->headers.ptr) != output->header_count) {
        forebay_output own = *output;
        forebay__own_headers(&own);
        row->headers = own.headers;
    }
    s->sealed = s->top;
    return forebay__verdict(FOREBAY__EMIT, 0, forebay_bytes_of(NULL, 0));
}

/* All that was emitted for this event; dropped when that is nothing. */
static inline forebay_verdict forebay_emitted(void)
{
    return forebay__verdict(FOREBAY__EMIT, 0, forebay_bytes_of(NULL, 0));
}

/* ---- Speaking to the host ---------------------------------------------------------------- */

enum forebay_level { FOREBAY_DEBUG = 0, FOREBAY_INFO = 1, FOREBAY_WARN = 2, FOREBAY_ERROR = 3 };

/* One line to the operator's log. */
static inline void forebay_log(enum forebay_level level, forebay_bytes line)
{
    forebay__host_log((uint32_t)level, line.ptr, line.len);
}

/* Adds to a counter of the filter's own. */
static inline void forebay_count(const char *name, double by)
{
    forebay__host_metric(name, __builtin_strlen(name), 0, by);
}

/* Sets a gauge of the filter's own. */
static inline void forebay_gauge(const char *name, double value)
{
    forebay__host_metric(name, __builtin_strlen(name), 1, value);
}

/* A number that a replay draws again: seeded by module, configuration and the event's offset. */
static inline int64_t forebay_random(void) { return forebay__host_random(); }

FOREBAY__SHARED bool forebay__config(forebay_bytes name, forebay_bytes *value)
{
    size_t room = 0;
    char *place = NULL;
    for (;;) {
        int32_t len = forebay__host_config(name.ptr, name.len, place, room);
        if (len < 0) return false;
        *value = forebay_bytes_of(place, (size_t)len);
        if ((size_t)len <= room) return true;
        room = (size_t)len;
        place = (char *)forebay_alloc(room);
    }
}

/* A member of the configuration: a string's characters, any other value as JSON. False when it
 * is not there. */
static inline bool forebay_config(const char *name, forebay_bytes *value)
{
    return forebay__config(forebay_str(name), value);
}

static inline bool forebay__look_up(forebay_bytes table, forebay_bytes key, forebay_bytes *value)
{
    size_t room = 0;
    char *place = NULL;
    for (;;) {
        int32_t len =
            forebay__host_table(table.ptr, table.len, key.ptr, key.len, place, room);
        if (len < 0) return false;
        *value = forebay_bytes_of(place, (size_t)len);
        if ((size_t)len <= room) return true;
        room = (size_t)len;
        place = (char *)forebay_alloc(room);
    }
}

/* A value of a lookup table of the filter's application. False where the table or the key is not
 * there. All events of a batch see the same version of it. */
static inline bool forebay_look_up(const char *table, forebay_bytes key, forebay_bytes *value)
{
    return forebay__look_up(forebay_str(table), key, value);
}

/* ---- The batch --------------------------------------------------------------------------- */

static inline void forebay__push(forebay_verdict verdict, uint32_t rows_before)
{
    forebay__state_type *s = &forebay__state;
    bool emits = verdict.kind == FOREBAY__EMIT && s->row_count > rows_before;
    if (emits && s->is_full) return;
    /* What was emitted before the filter thought better of it. */
    s->row_count = rows_before;
    if (verdict.kind == FOREBAY__EMIT) verdict.kind = FOREBAY__DROP;
    if (verdict.reason.len > 0 || verdict.kind == FOREBAY__RETRY) forebay__be_full();
    s->verdicts[8 + s->index] = (char)verdict.kind;
    if (s->is_full) forebay__say(s->index, verdict);
}

static inline int64_t forebay__block(const void *block, size_t len)
{
    return (int64_t)((uint64_t)(size_t)block << 32 | len);
}

FOREBAY__SHARED __attribute__((export_name("forebay_process_v1")))
int64_t forebay_process_v1(forebay__batch *batch, size_t len)
{
    forebay__state_type *s = &forebay__state;
    bool all_pass = true;
    if (len < sizeof *batch || batch->magic != 0x31424246 || batch->stride < 64) {
        static const char why[] = "the batch is not of version 1";
        forebay__host_fail(why, sizeof why - 1);
        return -1;
    }
    s->at = NULL;
    s->sealed = NULL;
    s->is_full = false;
    s->rows = NULL;
    s->row_count = s->row_room = 0;
    s->verdicts = (char *)forebay_alloc(8 + batch->count);
    for (uint32_t i = 0; i < batch->count; i++) {
        const char *entry = (const char *)(size_t)batch->entries + (size_t)i * batch->stride;
        batch->progress = i;
        s->index = i;
        s->failure = forebay_str("failed");
        /* Whoever becomes full on the way adds the rows of the events before. */
        uint32_t rows_before = s->is_full ? s->row_count : i;
        forebay_verdict verdict = forebay_filter((const forebay_event *)entry);
        all_pass = all_pass && verdict.kind == FOREBAY__PASS;
        if (!s->is_full) rows_before = 0;
        forebay__push(verdict, rows_before);
    }
    if (all_pass) return 0;
    if (!s->is_full) {
        __builtin_memcpy(s->verdicts, "FBV1", 4);
        __builtin_memcpy(s->verdicts + 4, &batch->count, 4);
        return forebay__block(s->verdicts, 8 + batch->count);
    }
    s->result.magic = 0x31524246;
    s->result.count = s->row_count;
    s->result.rows = s->rows;
    s->result.stride = sizeof(forebay_output);
    return forebay__block(&s->result, sizeof s->result);
}

/* Makes a function the filter's start: FOREBAY_START(start) with
 *
 *   bool start(forebay_bytes config);
 *
 * It is called once for each instance, with the whole configuration as JSON, before any event.
 * What it answers false to is refused, for what forebay_fail said. */
#define FOREBAY_START(start)                                                                     \
    __attribute__((export_name("forebay_init_v1"))) int32_t forebay_init_v1(const char *config,  \
                                                                            size_t len)          \
    {                                                                                            \
        forebay__state.failure = forebay_str("the filter's start failed");                       \
        if (start(forebay_bytes_of(config, len))) return 0;                                      \
        forebay__host_fail(forebay__state.failure.ptr, forebay__state.failure.len);              \
        return -1;                                                                               \
    }

#ifdef __cplusplus
}
#endif
#endif
