#include "runner.h"
#include <stdlib.h>
#include <string.h>

enum { DROP, PASS, EMIT, REJECT, RETRY };
enum { MASK_KEY = 1, MASK_TYPE = 2, MASK_HEADERS = 4, MASK_BODY = 8 };
enum { KEY = 16, TYPE = 24, HEADERS = 32, BODY = 40, REASON = 48 };
enum { ROW_BYTES = 64, BLOCK_BYTES = 32 };
/* The host takes no more, and would throw the whole batch's answer away. */
#define OUTPUTS_MAX 64

/* One row of the result, laid out as the contract says. */
typedef struct {
    uint32_t source;
    uint8_t verdict, mask;
    uint16_t route;
    uint32_t delay_ms, zero;
    uint32_t key[2], type[2], headers[2], body[2], reason[2], rest[2];
} Row;
_Static_assert(sizeof(Row) == ROW_BYTES, "a row is as long as the contract says");

static Row *rows;
static size_t rows_room;
static uint32_t rows_count;
static bool all_pass;
/* The block that the rows are announced by. */
static uint32_t block[BLOCK_BYTES / 4];

static JSClassID reject_id, retry_id;

static JSValue reject(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    JSValue verdict = JS_NewObjectClass(ctx, reject_id);
    JSValue reason = argc && !JS_IsUndefined(argv[0]) ? JS_ToString(ctx, argv[0])
                                                      : JS_NewString(ctx, "rejected by the filter");
    if (JS_IsException(reason) || JS_SetPropertyStr(ctx, verdict, "reason", reason) < 0) {
        JS_FreeValue(ctx, verdict);
        return JS_EXCEPTION;
    }
    return verdict;
}

static JSValue retry(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    double delay_ms;
    if (JS_ToFloat64(ctx, &delay_ms, argc ? argv[0] : JS_UNDEFINED) < 0)
        return JS_EXCEPTION;
    if (!(delay_ms >= 0))
        return JS_ThrowTypeError(ctx, "retry wants milliseconds, from 0 on, and a reason");
    JSValue verdict = JS_NewObjectClass(ctx, retry_id);
    JSValue reason = argc > 1 ? JS_ToString(ctx, argv[1]) : JS_NewString(ctx, "");
    if (JS_IsException(reason) || JS_SetPropertyStr(ctx, verdict, "reason", reason) < 0) {
        JS_FreeValue(ctx, verdict);
        return JS_EXCEPTION;
    }
    JS_SetPropertyStr(ctx, verdict, "delayMs", JS_NewFloat64(ctx, delay_ms));
    JS_SetOpaque(verdict, (void *)(uintptr_t)(delay_ms > 4294967295.0 ? 0xffffffff : delay_ms));
    return verdict;
}

static JSValue constant(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv,
                        int verdict) {
    return JS_NewBool(ctx, verdict == PASS);
}

static const JSCFunctionListEntry verdicts[] = {
    JS_CFUNC_DEF("reject", 1, reject),
    JS_CFUNC_DEF("retry", 2, retry),
    JS_CFUNC_MAGIC_DEF("pass", 0, constant, PASS),
    JS_CFUNC_MAGIC_DEF("drop", 0, constant, DROP),
};

int verdict_classes(JSContext *ctx) {
    static const JSClassDef rejected = {.class_name = "Reject"}, retried = {.class_name = "Retry"};
    JSRuntime *runtime = JS_GetRuntime(ctx);
    JS_NewClassID(runtime, &reject_id);
    JS_NewClassID(runtime, &retry_id);
    if (JS_NewClass(runtime, reject_id, &rejected) < 0 ||
        JS_NewClass(runtime, retry_id, &retried) < 0)
        return -1;
    JS_SetClassProto(ctx, reject_id, JS_NewObject(ctx));
    JS_SetClassProto(ctx, retry_id, JS_NewObject(ctx));
    JSValue global = JS_GetGlobalObject(ctx);
    int count = sizeof verdicts / sizeof *verdicts;
    int added = JS_SetPropertyFunctionList(ctx, global, verdicts, count);
    JS_FreeValue(ctx, global);
    return added;
}

bool is_verdict(JSValueConst value) {
    JSClassID id = JS_GetClassID(value);
    return id && (id == reject_id || id == retry_id);
}

void answer_begin(uint32_t count) {
    bytes_reset();
    rows_count = 0;
    all_pass = true;
    /* Room for one row of each event, so that a verdict without outputs always has one. */
    if (count > rows_room) {
        free(rows);
        rows = malloc(count * sizeof(Row));
        if (!rows)
            abort();
        rows_room = count;
    }
}

static Row *add_row(uint32_t source, uint8_t verdict) {
    if (rows_count == rows_room) {
        size_t room = rows_room * 2 + 64;
        Row *more = realloc(rows, room * sizeof(Row));
        if (!more)
            return NULL;
        rows = more;
        rows_room = room;
    }
    Row *row = &rows[rows_count++];
    *row = (Row){.source = source, .verdict = verdict};
    all_pass = all_pass && verdict == PASS;
    return row;
}

static Row *add_plain(uint32_t source, uint8_t verdict) {
    Row *row = add_row(source, verdict);
    if (!row)
        abort();
    return row;
}

static void point(uint32_t place[2], const void *bytes, size_t len) {
    place[0] = (uint32_t)(uintptr_t)bytes;
    place[1] = (uint32_t)len;
}

void answer_pass(uint32_t source) {
    add_plain(source, PASS);
}

void answer_reject(uint32_t source, const char *reason, size_t len) {
    Row *row = add_plain(source, REJECT);
    uint8_t *kept = bytes_take(len);
    if (kept) {
        memcpy(kept, reason, len);
        point(row->reason, kept, len);
    }
}

static int set_text(JSContext *ctx, JSValueConst value, uint32_t place[2], const char *name) {
    size_t len;
    if (!JS_IsString(value) && !JS_IsNumber(value)) {
        JS_ThrowTypeError(ctx, "an output's %s must be a string", name);
        return -1;
    }
    const uint8_t *bytes = bytes_of_text(ctx, value, &len);
    if (!bytes)
        return -1;
    point(place, bytes, len);
    return 0;
}

static int set_body(JSContext *ctx, JSValueConst value, uint32_t place[2]) {
    const uint8_t *bytes;
    size_t len;
    if (JS_IsString(value)) {
        bytes = bytes_of_text(ctx, value, &len);
    } else if (!bytes_of_view(ctx, value, &bytes, &len)) {
        bytes = json_bytes(ctx, value, &len);
    }
    if (!bytes) {
        if (!JS_HasException(ctx))
            JS_ThrowOutOfMemory(ctx);
        return -1;
    }
    point(place, bytes, len);
    return 0;
}

/* A block of headers while it is made. */
typedef struct {
    uint8_t *bytes;
    size_t len;
    size_t room;
    uint32_t count;
} Block;

static int add_header(JSContext *ctx, Block *headers, JSValueConst name, JSValueConst value) {
    size_t name_len, value_len;
    const uint8_t *value_bytes;
    const uint8_t *name_bytes = bytes_of_text(ctx, name, &name_len);
    if (!name_bytes)
        return -1;
    if (JS_IsString(value) || JS_IsNumber(value) || JS_IsBool(value)) {
        value_bytes = bytes_of_text(ctx, value, &value_len);
    } else if (!bytes_of_view(ctx, value, &value_bytes, &value_len)) {
        JS_ThrowTypeError(ctx, "the header %.*s must be a string", (int)name_len, name_bytes);
        return -1;
    }
    size_t need = (8 + name_len + value_len + 3) & ~(size_t)3;
    if (!value_bytes || name_len > 0xffff)
        return JS_HasException(ctx) ? -1 : (JS_ThrowRangeError(ctx, "a header is too large"), -1);
    if (headers->room - headers->len < need) {
        size_t room = headers->room * 2 + need + 512;
        uint8_t *more = bytes_take(room);
        if (!more) {
            JS_ThrowOutOfMemory(ctx);
            return -1;
        }
        if (headers->len)
            memcpy(more, headers->bytes, headers->len);
        headers->bytes = more;
        headers->room = room;
    }
    uint8_t *to = headers->bytes + headers->len;
    uint32_t lens[2] = {(uint32_t)name_len, (uint32_t)value_len};
    memset(to, 0, need);
    memcpy(to, lens, 8);
    for (size_t i = 0; i < name_len; i++) {
        uint8_t byte = name_bytes[i];
        to[8 + i] = byte >= 'A' && byte <= 'Z' ? byte + 32 : byte;
    }
    memcpy(to + 8 + name_len, value_bytes, value_len);
    headers->len += need;
    headers->count++;
    return 0;
}

/* `[[name, value], …]`. */
static int headers_from_list(JSContext *ctx, JSValueConst list, Block *headers) {
    int64_t count;
    if (JS_GetLength(ctx, list, &count) < 0)
        return -1;
    for (int64_t i = 0; i < count; i++) {
        JSValue pair = JS_GetPropertyInt64(ctx, list, i);
        int added = -1;
        if (JS_IsArray(pair)) {
            JSValue name = JS_GetPropertyUint32(ctx, pair, 0);
            JSValue value = JS_GetPropertyUint32(ctx, pair, 1);
            added = add_header(ctx, headers, name, value);
            JS_FreeValue(ctx, name);
            JS_FreeValue(ctx, value);
        } else if (!JS_IsException(pair)) {
            JS_ThrowTypeError(ctx, "a list of headers must be of pairs: [name, value]");
        }
        JS_FreeValue(ctx, pair);
        if (added < 0)
            return -1;
    }
    return 0;
}

/* `{name: value}`; an array is several values of one name, `undefined` is none. */
static int headers_from_object(JSContext *ctx, JSValueConst object, Block *headers) {
    JSPropertyEnum *names;
    uint32_t count;
    if (JS_GetOwnPropertyNames(ctx, &names, &count, object, JS_GPN_STRING_MASK | JS_GPN_ENUM_ONLY))
        return -1;
    int added = 0;
    for (uint32_t i = 0; i < count && !added; i++) {
        JSValue name = JS_AtomToString(ctx, names[i].atom);
        JSValue value = JS_GetProperty(ctx, object, names[i].atom);
        if (JS_IsArray(value)) {
            int64_t values = 0;
            added = JS_GetLength(ctx, value, &values);
            for (int64_t k = 0; k < values && !added; k++) {
                JSValue one = JS_GetPropertyInt64(ctx, value, k);
                added = add_header(ctx, headers, name, one);
                JS_FreeValue(ctx, one);
            }
        } else if (!JS_IsUndefined(value)) {
            added = JS_IsException(value) ? -1 : add_header(ctx, headers, name, value);
        }
        JS_FreeValue(ctx, value);
        JS_FreeValue(ctx, name);
    }
    JS_FreePropertyEnum(ctx, names, count);
    return added;
}

static int set_headers(JSContext *ctx, JSValueConst value, uint32_t place[2]) {
    Block headers = {0};
    if (!JS_IsObject(value)) {
        JS_ThrowTypeError(ctx, "an output's headers must be an object or a list of pairs");
        return -1;
    }
    /* The count comes first; it is known last. */
    headers.room = 1020;
    if (!(headers.bytes = bytes_take(headers.room))) {
        JS_ThrowOutOfMemory(ctx);
        return -1;
    }
    headers.len = 4;
    int made = JS_IsArray(value) ? headers_from_list(ctx, value, &headers)
                                 : headers_from_object(ctx, value, &headers);
    memcpy(headers.bytes, &headers.count, 4);
    point(place, headers.bytes, headers.len);
    return made;
}

/* Sets one member of an output: the row's own, or an error that names it. */
static int set_member(JSContext *ctx, Row *row, const char *name, JSValueConst value) {
    if (!strcmp(name, "body"))
        return row->mask |= MASK_BODY, set_body(ctx, value, row->body);
    if (!strcmp(name, "headers"))
        return row->mask |= MASK_HEADERS, set_headers(ctx, value, row->headers);
    if (!strcmp(name, "key"))
        return row->mask |= MASK_KEY, set_text(ctx, value, row->key, name);
    if (!strcmp(name, "type"))
        return row->mask |= MASK_TYPE, set_text(ctx, value, row->type, name);
    JS_ThrowTypeError(ctx, "an output has key, type, headers and body; it has no %s", name);
    return -1;
}

static int add_output(JSContext *ctx, uint32_t source, JSValueConst output) {
    Row row = {.source = source, .verdict = EMIT};
    JSPropertyEnum *names;
    uint32_t count;
    int made = 0;
    /* A Map, an error or a promise has no such members, and would pass for "as it is". */
    bool is_plain = JS_GetClassID(output) == PLAIN_OBJECT;
    if (!is_plain && !is_event(output)) {
        JS_ThrowTypeError(ctx, "an output must be an object: {key, type, headers, body}");
        return -1;
    }
    if (is_plain) {
        int flags = JS_GPN_STRING_MASK | JS_GPN_ENUM_ONLY;
        if (JS_GetOwnPropertyNames(ctx, &names, &count, output, flags))
            return -1;
        for (uint32_t i = 0; i < count && !made; i++) {
            JSValue value = JS_GetProperty(ctx, output, names[i].atom);
            const char *name = JS_AtomToCString(ctx, names[i].atom);
            made = JS_IsException(value) || !name ? -1 : 0;
            if (!made && !JS_IsUndefined(value))
                made = set_member(ctx, &row, name, value);
            JS_FreeCString(ctx, name);
            JS_FreeValue(ctx, value);
        }
        JS_FreePropertyEnum(ctx, names, count);
    }
    Row *added = made ? NULL : add_row(source, EMIT);
    if (!added) {
        if (!made)
            JS_ThrowOutOfMemory(ctx);
        return -1;
    }
    *added = row;
    return 0;
}

static int add_outputs(JSContext *ctx, uint32_t source, JSValueConst list) {
    int64_t count;
    if (JS_GetLength(ctx, list, &count) < 0)
        return -1;
    if (count > OUTPUTS_MAX) {
        JS_ThrowRangeError(ctx, "an event may have at most %d outputs", OUTPUTS_MAX);
        return -1;
    }
    if (!count)
        add_plain(source, DROP);
    for (int64_t i = 0; i < count; i++) {
        JSValue output = JS_GetPropertyInt64(ctx, list, i);
        int added = JS_IsException(output) ? -1 : add_output(ctx, source, output);
        JS_FreeValue(ctx, output);
        if (added < 0)
            return -1;
    }
    return 0;
}

static int add_verdict(JSContext *ctx, uint32_t source, JSValueConst verdict) {
    JSValue reason = JS_GetPropertyStr(ctx, verdict, "reason");
    size_t len;
    const uint8_t *text = JS_IsException(reason) ? NULL : bytes_of_text(ctx, reason, &len);
    JS_FreeValue(ctx, reason);
    if (!text)
        return -1;
    bool is_retry = JS_GetClassID(verdict) == retry_id;
    Row *row = add_plain(source, is_retry ? RETRY : REJECT);
    point(row->reason, text, len);
    if (is_retry)
        row->delay_ms = (uint32_t)(uintptr_t)JS_GetOpaque(verdict, retry_id);
    return 0;
}

int answer_value(JSContext *ctx, uint32_t source, JSValueConst value) {
    uint32_t before = rows_count;
    int said = -1;
    if (JS_IsBool(value)) {
        add_plain(source, JS_VALUE_GET_BOOL(value) ? PASS : DROP);
        return 0;
    }
    if (is_event(value)) {
        add_plain(source, PASS);
        return 0;
    }
    if (is_verdict(value))
        said = add_verdict(ctx, source, value);
    else if (JS_IsArray(value))
        said = add_outputs(ctx, source, value);
    else if (JS_IsUndefined(value))
        JS_ThrowTypeError(ctx, "the script answered nothing: true passes an event, false drops it");
    else if (!JS_IsObject(value))
        JS_ThrowTypeError(ctx, "the script answered neither true or false nor an output");
    else
        said = add_output(ctx, source, value);
    if (said < 0)
        rows_count = before;
    return said;
}

int64_t answer_finish(void) {
    if (all_pass)
        return 0;
    memset(block, 0, sizeof block);
    memcpy(block, "FBR1", 4);
    block[1] = rows_count;
    block[2] = (uint32_t)(uintptr_t)rows;
    block[3] = ROW_BYTES;
    return (int64_t)((uint64_t)(uintptr_t)block << 32 | sizeof block);
}
