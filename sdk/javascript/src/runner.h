/* What the parts of the runner know of each other. */
#ifndef RUNNER_H
#define RUNNER_H

#include "quickjs.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOST(name) __attribute__((import_module("forebay_v1"), import_name(name)))

HOST("log") int host_log(int level, const char *text, size_t len);
HOST("fail") int host_fail(const char *text, size_t len);
HOST("now_ns") int64_t host_now_ns(void);
HOST("random") int64_t host_random(void);
HOST("table_get")
int host_table_get(const char *table, size_t table_len, const char *key, size_t len, uint8_t *to,
                   size_t room);
HOST("metric") int host_metric(const char *name, size_t len, int kind, double value);

static inline uint32_t word(const uint8_t *at) {
    uint32_t value;
    __builtin_memcpy(&value, at, 4);
    return value;
}

static inline uint64_t long_word(const uint8_t *at) {
    uint64_t value;
    __builtin_memcpy(&value, at, 8);
    return value;
}

/* A part of an entry of the batch: entries say where it lies by (ptr, len). */
static inline const char *field(const uint8_t *entry, int at, size_t *len) {
    *len = word(entry + at + 4);
    return (const char *)(uintptr_t)word(entry + at);
}

/* The engine writes half of a surrogate pair as three bytes, ED A0..BF xx, which is not UTF-8.
   U+FFFD has three bytes as well. */
void mend_surrogates(uint8_t *bytes, size_t len);
/* Whether every byte belongs to well-formed UTF-8. */
bool is_utf8(const uint8_t *bytes, size_t len);
/* The bytes as text: each part of them that is no character becomes one U+FFFD. */
JSValue text_of_bytes(JSContext *ctx, const uint8_t *bytes, size_t len);

/* event.c: what a script sees of an event. */
int event_class(JSContext *ctx);
/* The object for one entry. It ends with the next call, or with `event_end`. */
JSValue event_begin(JSContext *ctx, uint8_t *entry);
void event_end(void);
bool is_event(JSValueConst value);

/* answer.c: what a script says, as the host reads it. It lasts until the next batch. */
int verdict_classes(JSContext *ctx);
void answer_begin(uint32_t count);
void answer_pass(uint32_t source);
void answer_reject(uint32_t source, const char *reason, size_t len);
/* What a script returned. -1 with an exception when it is no answer; nothing is said then. */
int answer_value(JSContext *ctx, uint32_t source, JSValueConst value);
bool is_verdict(JSValueConst value);
/* What `forebay_process_v1` returns. */
int64_t answer_finish(void);

/* bytes.c: places for bytes that stay where they are until the next batch. */
void bytes_reset(void);
/* NULL when memory is used up. */
uint8_t *bytes_take(size_t len);
/* The text of a string or a number, as UTF-8. NULL with an exception. */
const uint8_t *bytes_of_text(JSContext *ctx, JSValueConst value, size_t *len);
/* The bytes of a view or a buffer; false when `value` is neither. They are the script's, and may
   change with the next thing that it does. */
bool view(JSContext *ctx, JSValueConst value, const uint8_t **bytes, size_t *len);
/* The same, copied. NULL when memory is used up. */
bool bytes_of_view(JSContext *ctx, JSValueConst value, const uint8_t **bytes, size_t *len);

/* json_read.c: reads JSON. `text[len]` must be ours to write to: `forebay_buffer` has a byte more
   than the host asked for. */
JSValue json_value(JSContext *ctx, char *text, size_t len);

/* json_write.c: a value as JSON, among the bytes of the answer. NULL with an exception. */
const uint8_t *json_bytes(JSContext *ctx, JSValueConst value, size_t *len);

/* The engine's own number for objects of no special class. */
enum { PLAIN_OBJECT = 1 };

/* globals.c: `log`, `count`, `random` and what else scripts find. */
int globals_add(JSContext *ctx);

#endif
