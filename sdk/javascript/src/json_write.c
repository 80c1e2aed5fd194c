/* JSON of plain values, written faster than the engine does: straight into bytes. Whatever is
   unusual (a `toJSON`, a Date, a BigInt, half a surrogate pair, a circle) is left to the engine,
   whose answer counts. */
#include "runner.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 1000
enum { THREW = -1, WROTE = 0, UNSURE = 1 };

/* Kept from value to value. */
static char *text;
static size_t text_len, text_room;
static JSAtom to_json;

static int write_value(JSContext *ctx, JSValueConst value, int depth);

static bool reserve(JSContext *ctx, size_t more) {
    if (text_room - text_len >= more)
        return true;
    size_t room = text_room * 2 + more + 1024;
    char *grown = realloc(text, room);
    if (!grown) {
        JS_ThrowOutOfMemory(ctx);
        return false;
    }
    text = grown;
    text_room = room;
    return true;
}

static int put(JSContext *ctx, const char *bytes, size_t len) {
    if (!reserve(ctx, len))
        return THREW;
    memcpy(text + text_len, bytes, len);
    text_len += len;
    return WROTE;
}

/* The character after the backslash, for the bytes that have one of their own. */
static char short_escape(uint8_t byte) {
    switch (byte) {
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    case '"':
    case '\\':
        return byte;
    default:
        return 0;
    }
}

static int put_quoted(JSContext *ctx, const char *bytes, size_t len) {
    static const char digits[] = "0123456789abcdef";
    /* The longest that a byte becomes is \u00xx. */
    if (len > SIZE_MAX / 16)
        return UNSURE;
    if (!reserve(ctx, len * 6 + 2))
        return THREW;
    char *to = text + text_len;
    *to++ = '"';
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = bytes[i];
        if (byte >= 0x20 && byte != '"' && byte != '\\') {
            /* Half a surrogate pair. */
            if (byte == 0xed && i + 1 < len && (uint8_t)bytes[i + 1] >= 0xa0)
                return UNSURE;
            *to++ = byte;
            continue;
        }
        char escape = short_escape(byte);
        *to++ = '\\';
        if (escape) {
            *to++ = escape;
        } else {
            memcpy(to, "u00", 3);
            to[3] = digits[byte >> 4];
            to[4] = digits[byte & 15];
            to += 5;
        }
    }
    *to++ = '"';
    text_len = to - text;
    return WROTE;
}

static int write_string(JSContext *ctx, JSValueConst value) {
    size_t len;
    const char *bytes = JS_ToCStringLen(ctx, &len, value);
    int written = bytes ? put_quoted(ctx, bytes, len) : THREW;
    JS_FreeCString(ctx, bytes);
    return written;
}

static int write_number(JSContext *ctx, JSValueConst value) {
    double number;
    JS_ToFloat64(ctx, &number, value);
    if (!isfinite(number))
        return put(ctx, "null", 4);
    if (fabs(number) <= 9007199254740992.0 && number == trunc(number)) {
        char digits[24], *at = digits + sizeof digits;
        uint64_t whole = (uint64_t)fabs(number);
        do
            *--at = '0' + whole % 10;
        while (whole /= 10);
        if (number < 0)
            *--at = '-';
        return put(ctx, at, digits + sizeof digits - at);
    }
    size_t len;
    const char *digits = JS_ToCStringLen(ctx, &len, value);
    int written = digits ? put(ctx, digits, len) : THREW;
    JS_FreeCString(ctx, digits);
    return written;
}

/* What an object leaves out, and an array has as null. */
static bool is_left_out(JSContext *ctx, JSValueConst value) {
    return JS_IsUndefined(value) || JS_IsSymbol(value) || JS_IsFunction(ctx, value);
}

static int write_array(JSContext *ctx, JSValueConst array, int depth) {
    int64_t count;
    if (JS_GetLength(ctx, array, &count) < 0)
        return THREW;
    int written = put(ctx, "[", 1);
    for (int64_t i = 0; i < count && written == WROTE; i++) {
        JSValue element = JS_GetPropertyInt64(ctx, array, i);
        if (i)
            written = put(ctx, ",", 1);
        if (JS_IsException(element))
            written = THREW;
        else if (written == WROTE)
            written = is_left_out(ctx, element) ? put(ctx, "null", 4)
                                                : write_value(ctx, element, depth);
        JS_FreeValue(ctx, element);
    }
    return written == WROTE ? put(ctx, "]", 1) : written;
}

static int write_member(JSContext *ctx, JSAtom name, JSValueConst value, bool is_first, int depth) {
    if (!is_first && put(ctx, ",", 1))
        return THREW;
    size_t len;
    const char *bytes = JS_AtomToCStringLen(ctx, &len, name);
    int written = bytes ? put_quoted(ctx, bytes, len) : THREW;
    JS_FreeCString(ctx, bytes);
    if (written == WROTE)
        written = put(ctx, ":", 1);
    return written == WROTE ? write_value(ctx, value, depth) : written;
}

static int write_object(JSContext *ctx, JSValueConst object, int depth) {
    JSPropertyEnum *names;
    uint32_t count;
    if (JS_GetOwnPropertyNames(ctx, &names, &count, object, JS_GPN_STRING_MASK | JS_GPN_ENUM_ONLY))
        return THREW;
    int written = put(ctx, "{", 1);
    bool is_first = true;
    for (uint32_t i = 0; i < count && written == WROTE; i++) {
        JSValue value = JS_GetProperty(ctx, object, names[i].atom);
        if (JS_IsException(value)) {
            written = THREW;
        } else if (!is_left_out(ctx, value)) {
            written = write_member(ctx, names[i].atom, value, is_first, depth);
            is_first = false;
        }
        JS_FreeValue(ctx, value);
    }
    JS_FreePropertyEnum(ctx, names, count);
    return written == WROTE ? put(ctx, "}", 1) : written;
}

static int write_value(JSContext *ctx, JSValueConst value, int depth) {
    if (JS_IsString(value))
        return write_string(ctx, value);
    if (JS_IsNumber(value))
        return write_number(ctx, value);
    if (JS_IsBool(value))
        return JS_VALUE_GET_BOOL(value) ? put(ctx, "true", 4) : put(ctx, "false", 5);
    if (JS_IsNull(value))
        return put(ctx, "null", 4);
    bool is_array = JS_IsArray(value);
    if ((!is_array && JS_GetClassID(value) != PLAIN_OBJECT) || depth == DEPTH_MAX)
        return UNSURE;
    JSValue own = JS_GetProperty(ctx, value, to_json);
    bool is_own_way = !JS_IsUndefined(own);
    JS_FreeValue(ctx, own);
    if (is_own_way)
        return JS_IsException(own) ? THREW : UNSURE;
    return is_array ? write_array(ctx, value, depth + 1) : write_object(ctx, value, depth + 1);
}

const uint8_t *json_bytes(JSContext *ctx, JSValueConst value, size_t *len) {
    if (to_json == JS_ATOM_NULL)
        to_json = JS_NewAtom(ctx, "toJSON");
    text_len = 0;
    int written = write_value(ctx, value, 0);
    if (written == WROTE) {
        uint8_t *bytes = bytes_take(text_len);
        if (bytes)
            memcpy(bytes, text, *len = text_len);
        else
            JS_ThrowOutOfMemory(ctx);
        return bytes;
    }
    if (written == THREW)
        return NULL;
    JSValue json = JS_JSONStringify(ctx, value, JS_UNDEFINED, JS_UNDEFINED);
    if (JS_IsUndefined(json))
        JS_ThrowTypeError(ctx, "an output's body is neither text nor bytes nor JSON");
    const uint8_t *bytes = JS_IsString(json) ? bytes_of_text(ctx, json, len) : NULL;
    JS_FreeValue(ctx, json);
    return bytes;
}
