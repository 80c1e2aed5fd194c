#include "runner.h"
#include <string.h>

/* An event object knows only the number of its turn: one that a script has kept finds that its
   turn is over, and not the bytes of another event. */
static JSClassID event_id;
static uintptr_t turn;
static uint8_t *current;

enum { KEY = 16, TYPE = 24, HEADERS = 32, BODY = 40, ID = 56 };
enum { OFFSET, TIME_NS, TIME, RUNS, SOURCE, HEADER_OBJECT, HEADER_LIST, BODY_BYTES };
enum { IS_JSON = 1, IS_TIMER = 2, IS_REPLAY = 4, IS_DRY_RUN = 8 };

static uint8_t *entry_of(JSContext *ctx, JSValueConst this_value) {
    void *opaque = JS_GetOpaque2(ctx, this_value, event_id);
    if (!opaque)
        return NULL;
    if ((uintptr_t)opaque != turn || !current) {
        JS_ThrowTypeError(ctx, "the event is over: take what you need of it while it is shown");
        return NULL;
    }
    return current;
}

/* One header of an event's block. */
typedef struct {
    const uint8_t *name;
    const uint8_t *value;
    size_t name_len;
    size_t value_len;
} Header;

typedef struct {
    const uint8_t *at;
    uint32_t left;
} Headers;

static Headers headers_of(const uint8_t *entry) {
    size_t len;
    const uint8_t *block = (const uint8_t *)field(entry, HEADERS, &len);
    return len < 4 ? (Headers){0} : (Headers){.at = block + 4, .left = word(block)};
}

static bool headers_next(Headers *headers, Header *header) {
    if (!headers->left)
        return false;
    headers->left--;
    header->name_len = word(headers->at) & 0xffff;
    header->value_len = word(headers->at + 4);
    header->name = headers->at + 8;
    header->value = header->name + header->name_len;
    headers->at += (8 + header->name_len + header->value_len + 3) & ~(size_t)3;
    return true;
}

/* The first value of a header, as text; `undefined` when there is none. */
static JSValue header_text(JSContext *ctx, const uint8_t *entry, const char *name, size_t len) {
    Headers headers = headers_of(entry);
    Header header;
    while (headers_next(&headers, &header))
        if (header.name_len == len && !memcmp(header.name, name, len))
            return text_of_bytes(ctx, header.value, header.value_len);
    return JS_UNDEFINED;
}

static JSValue event_header(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    uint8_t *entry = entry_of(ctx, this_value);
    size_t len;
    const char *name = entry ? JS_ToCStringLen(ctx, &len, argv[0]) : NULL;
    if (!name)
        return JS_EXCEPTION;
    char lower[256];
    JSValue value = JS_UNDEFINED;
    if (len <= sizeof lower) {
        for (size_t i = 0; i < len; i++)
            lower[i] = name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i];
        value = header_text(ctx, entry, lower, len);
    }
    JS_FreeCString(ctx, name);
    return value;
}

/* `{name: value}`; of several values of one name the first. Without a prototype, so that every
   name in it is a header's. */
static JSValue header_object(JSContext *ctx, const uint8_t *entry) {
    JSValue object = JS_NewObjectProto(ctx, JS_NULL);
    Headers headers = headers_of(entry);
    Header header;
    while (!JS_IsException(object) && headers_next(&headers, &header)) {
        JSAtom name = JS_NewAtomLen(ctx, (const char *)header.name, header.name_len);
        int is_there = JS_HasProperty(ctx, object, name);
        JSValue value = JS_UNDEFINED;
        if (is_there == 0) {
            value = text_of_bytes(ctx, header.value, header.value_len);
            if (!JS_IsException(value))
                is_there = JS_DefinePropertyValue(ctx, object, name, value, JS_PROP_C_W_E);
        }
        JS_FreeAtom(ctx, name);
        if (is_there < 0 || JS_IsException(value)) {
            JS_FreeValue(ctx, object);
            return JS_EXCEPTION;
        }
    }
    return object;
}

/* `[[name, value], …]`, all of them in their order; a value that is no text is its bytes. */
static JSValue header_list(JSContext *ctx, const uint8_t *entry) {
    JSValue list = JS_NewArray(ctx);
    Headers headers = headers_of(entry);
    Header header;
    for (uint32_t i = 0; !JS_IsException(list) && headers_next(&headers, &header); i++) {
        JSValue pair[2];
        pair[0] = JS_NewStringLen(ctx, (const char *)header.name, header.name_len);
        pair[1] = is_utf8(header.value, header.value_len)
                      ? JS_NewStringLen(ctx, (const char *)header.value, header.value_len)
                      : JS_NewUint8ArrayCopy(ctx, header.value, header.value_len);
        JSValue both = JS_NewArrayFrom(ctx, 2, pair);
        if (JS_IsException(both) || JS_SetPropertyUint32(ctx, list, i, both) < 0) {
            JS_FreeValue(ctx, list);
            return JS_EXCEPTION;
        }
    }
    return list;
}

static JSValue event_text_field(JSContext *ctx, JSValueConst this_value, int at) {
    uint8_t *entry = entry_of(ctx, this_value);
    if (!entry)
        return JS_EXCEPTION;
    size_t len;
    const char *bytes = field(entry, at, &len);
    return JS_NewStringLen(ctx, bytes, len);
}

static JSValue event_flag(JSContext *ctx, JSValueConst this_value, int flag) {
    uint8_t *entry = entry_of(ctx, this_value);
    return entry ? JS_NewBool(ctx, word(entry + 48) & flag) : JS_EXCEPTION;
}

/* A number where that is exact, else a BigInt. */
static JSValue whole_number(JSContext *ctx, uint64_t value) {
    return value <= (1ull << 53) ? JS_NewInt64(ctx, (int64_t)value) : JS_NewBigUint64(ctx, value);
}

static JSValue event_value(JSContext *ctx, JSValueConst this_value, int what) {
    uint8_t *entry = entry_of(ctx, this_value);
    size_t len;
    const char *body;
    if (!entry)
        return JS_EXCEPTION;
    int64_t time_ns = (int64_t)long_word(entry + 8);
    switch (what) {
    case OFFSET:
        return whole_number(ctx, long_word(entry));
    case TIME_NS:
        return JS_NewBigInt64(ctx, time_ns);
    case TIME:
        return JS_NewDate(ctx, (double)(time_ns / 1000000));
    case RUNS:
        return JS_NewUint32(ctx, word(entry + 52));
    case SOURCE: {
        JSValue source = header_text(ctx, entry, "ce-source", 9);
        return JS_IsUndefined(source) ? JS_NewStringLen(ctx, "", 0) : source;
    }
    case HEADER_OBJECT:
        return header_object(ctx, entry);
    case HEADER_LIST:
        return header_list(ctx, entry);
    default:
        body = field(entry, BODY, &len);
        return JS_NewUint8ArrayCopy(ctx, (const uint8_t *)body, len);
    }
}

static JSValue event_text(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    uint8_t *entry = entry_of(ctx, this_value);
    if (!entry)
        return JS_EXCEPTION;
    size_t len;
    const char *body = field(entry, BODY, &len);
    return text_of_bytes(ctx, (const uint8_t *)body, len);
}

static JSValue event_json(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    uint8_t *entry = entry_of(ctx, this_value);
    if (!entry)
        return JS_EXCEPTION;
    size_t len;
    char *body = (char *)field(entry, BODY, &len);
    return len ? json_value(ctx, body, len)
               : JS_ThrowSyntaxError(ctx, "the body is empty, which is not JSON");
}

static const JSCFunctionListEntry members[] = {
    JS_CGETSET_MAGIC_DEF("id", event_text_field, NULL, ID),
    JS_CGETSET_MAGIC_DEF("type", event_text_field, NULL, TYPE),
    JS_CGETSET_MAGIC_DEF("key", event_text_field, NULL, KEY),
    JS_CGETSET_MAGIC_DEF("source", event_value, NULL, SOURCE),
    JS_CGETSET_MAGIC_DEF("offset", event_value, NULL, OFFSET),
    JS_CGETSET_MAGIC_DEF("timeNs", event_value, NULL, TIME_NS),
    JS_CGETSET_MAGIC_DEF("time", event_value, NULL, TIME),
    JS_CGETSET_MAGIC_DEF("runs", event_value, NULL, RUNS),
    JS_CGETSET_MAGIC_DEF("headers", event_value, NULL, HEADER_OBJECT),
    JS_CGETSET_MAGIC_DEF("headerList", event_value, NULL, HEADER_LIST),
    JS_CGETSET_MAGIC_DEF("body", event_value, NULL, BODY_BYTES),
    JS_CGETSET_MAGIC_DEF("isJson", event_flag, NULL, IS_JSON),
    JS_CGETSET_MAGIC_DEF("isTimer", event_flag, NULL, IS_TIMER),
    JS_CGETSET_MAGIC_DEF("isReplay", event_flag, NULL, IS_REPLAY),
    JS_CGETSET_MAGIC_DEF("isDryRun", event_flag, NULL, IS_DRY_RUN),
    JS_CFUNC_DEF("header", 1, event_header),
    JS_CFUNC_DEF("text", 0, event_text),
    JS_CFUNC_DEF("json", 0, event_json),
};

int event_class(JSContext *ctx) {
    static const JSClassDef class = {.class_name = "Event"};
    JSRuntime *runtime = JS_GetRuntime(ctx);
    JS_NewClassID(runtime, &event_id);
    if (JS_NewClass(runtime, event_id, &class) < 0)
        return -1;
    JSValue prototype = JS_NewObject(ctx);
    if (JS_IsException(prototype))
        return -1;
    JS_SetPropertyFunctionList(ctx, prototype, members, sizeof members / sizeof *members);
    JS_SetClassProto(ctx, event_id, prototype);
    return 0;
}

JSValue event_begin(JSContext *ctx, uint8_t *entry) {
    JSValue event = JS_NewObjectClass(ctx, event_id);
    if (JS_IsException(event))
        return event;
    if (++turn == 0)
        turn = 1;
    current = entry;
    JS_SetOpaque(event, (void *)turn);
    return event;
}

void event_end(void) {
    current = NULL;
}

bool is_event(JSValueConst value) {
    return JS_GetClassID(value) == event_id;
}
