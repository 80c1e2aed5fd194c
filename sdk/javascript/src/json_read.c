/* JSON as most events have it, read faster than the engine does: an array is made at once, a
   number that is exact needs no library. Whatever is unusual or wrong is left to the engine, whose
   answer counts and whose errors are good. */
#include "runner.h"
#include <stdlib.h>
#include <string.h>

/* Deeper nesting would meet the host's limit of the stack, in the engine as well. */
#define DEPTH_MAX 1000

typedef struct {
    JSContext *ctx;
    const uint8_t *at;
    const uint8_t *end;
    /* Elements of the arrays that are not finished. */
    JSValue *elements;
    size_t count;
    size_t room;
    int depth;
    bool is_too_deep;
} Reader;

/* Not an exception: the engine shall read it all again. */
#define UNSURE JS_UNINITIALIZED
#define IS_UNSURE(value) (JS_VALUE_GET_TAG(value) == JS_TAG_UNINITIALIZED)
#define IS_NONE(value) (JS_IsException(value) || IS_UNSURE(value))

static JSValue read_value(Reader *reader);

/* The engine keeps the layout of an object's members for as long as an object has it, so the
   layouts of a body's objects would be made anew for every object. Here is an object of each
   layout that bodies begin or end with: a tree, in which every node adds a member to its parent. */
#define LAYOUTS_MAX 512
#define LAYOUT_SLOTS 2048
#define LAYOUT_MEMBERS_MAX 64

typedef struct {
    JSAtom name;
    uint16_t parent;
    uint16_t members;
    JSValue object;
} Layout;

/* The first is that of no members; it stands also for "none" in the slots. */
static Layout layouts[LAYOUTS_MAX];
static uint16_t layouts_count = 1;
static uint16_t layout_slots[LAYOUT_SLOTS];
#define UNKNOWN_LAYOUT 0xffff

static bool layout_make(JSContext *ctx, Layout *layout) {
    JSAtom names[LAYOUT_MEMBERS_MAX];
    const Layout *at = layout;
    for (int i = layout->members; i > 0; at = &layouts[at->parent])
        names[--i] = at->name;
    layout->object = JS_NewObject(ctx);
    for (int i = 0; i < layout->members; i++)
        if (JS_IsException(layout->object) ||
            JS_DefinePropertyValue(ctx, layout->object, names[i], JS_UNDEFINED, JS_PROP_C_W_E) < 0)
            return false;
    return true;
}

/* The layout that `parent` becomes with one member more. */
static uint16_t layout_with(JSContext *ctx, uint16_t parent, JSAtom name) {
    if (parent == UNKNOWN_LAYOUT)
        return UNKNOWN_LAYOUT;
    uint32_t slot = (name * 0x9e3779b1u ^ parent * 0x85ebca6bu) >> 16;
    for (;; slot++) {
        uint16_t found = layout_slots[slot % LAYOUT_SLOTS];
        if (!found)
            break;
        if (layouts[found].name == name && layouts[found].parent == parent)
            return found;
    }
    uint16_t members = layouts[parent].members + 1;
    if (layouts_count == LAYOUTS_MAX || members > LAYOUT_MEMBERS_MAX)
        return UNKNOWN_LAYOUT;
    Layout *made = &layouts[layouts_count];
    *made = (Layout){.name = JS_DupAtom(ctx, name), .parent = parent, .members = members};
    if (!layout_make(ctx, made)) {
        JS_FreeValue(ctx, made->object);
        JS_FreeAtom(ctx, name);
        JS_FreeValue(ctx, JS_GetException(ctx));
        return UNKNOWN_LAYOUT;
    }
    layout_slots[slot % LAYOUT_SLOTS] = layouts_count;
    return layouts_count++;
}

static void skip_space(Reader *reader) {
    const uint8_t *at = reader->at;
    while (at < reader->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    reader->at = at;
}

static bool next_is(Reader *reader, uint8_t byte) {
    if (reader->at == reader->end || *reader->at != byte)
        return false;
    reader->at++;
    return true;
}

static int hex(uint8_t byte) {
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static uint8_t *put_character(uint8_t *to, uint32_t c) {
    if (c < 0x80) {
        *to++ = c;
    } else if (c < 0x800) {
        *to++ = 0xc0 | c >> 6;
        *to++ = 0x80 | (c & 0x3f);
    } else {
        *to++ = 0xe0 | c >> 12;
        *to++ = 0x80 | (c >> 6 & 0x3f);
        *to++ = 0x80 | (c & 0x3f);
    }
    return to;
}

/* The text between `from` and `to`, which has escapes. Surrogates are left to the engine. */
static JSValue unescape(Reader *reader, const uint8_t *from, const uint8_t *to) {
    uint8_t stack[256], *text = stack, *out;
    if (to - from > (ptrdiff_t)sizeof stack && !(text = malloc(to - from)))
        return JS_ThrowOutOfMemory(reader->ctx);
    JSValue value = UNSURE;
    for (out = text; from < to;) {
        static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
        if (*from != '\\') {
            *out++ = *from++;
            continue;
        }
        const char *name = memchr(names, from[1], 8);
        if (name) {
            *out++ = values[name - names];
            from += 2;
            continue;
        }
        int c = from[1] == 'u' && to - from >= 6 ? 0 : -1;
        for (int i = 2; i < 6 && c >= 0; i++)
            c = hex(from[i]) < 0 ? -1 : c << 4 | hex(from[i]);
        if (c < 0 || (c & 0xf800) == 0xd800)
            goto done;
        out = put_character(out, c);
        from += 6;
    }
    value = JS_NewStringLen(reader->ctx, (char *)text, out - text);
done:
    if (text != stack)
        free(text);
    return value;
}

/* Steps over a string whose first quote is behind; NULL when it is not one. */
static const uint8_t *string_end(Reader *reader, bool *has_escapes, bool *is_ascii) {
    const uint8_t *at = reader->at;
    uint8_t all = 0;
    *has_escapes = false;
    for (; at < reader->end && *at != '"'; at++) {
        all |= *at;
        if (*at < 0x20)
            return NULL;
        if (*at == '\\') {
            *has_escapes = true;
            if (++at == reader->end)
                return NULL;
        }
    }
    *is_ascii = all < 0x80;
    if (at == reader->end || (!*is_ascii && !is_utf8(reader->at, at - reader->at)))
        return NULL;
    return at;
}

static JSValue read_string(Reader *reader) {
    bool has_escapes, is_ascii;
    const uint8_t *from = reader->at, *to = string_end(reader, &has_escapes, &is_ascii);
    if (!to)
        return UNSURE;
    reader->at = to + 1;
    return has_escapes ? unescape(reader, from, to)
                       : JS_NewStringLen(reader->ctx, (const char *)from, to - from);
}

/* JS_ATOM_NULL when it is not sure, or with an exception. */
static JSAtom read_name(Reader *reader) {
    bool has_escapes, is_ascii;
    if (!next_is(reader, '"'))
        return JS_ATOM_NULL;
    const uint8_t *from = reader->at, *to = string_end(reader, &has_escapes, &is_ascii);
    if (!to)
        return JS_ATOM_NULL;
    if (!has_escapes && is_ascii) {
        reader->at = to + 1;
        return JS_NewAtomLen(reader->ctx, (const char *)from, to - from);
    }
    JSValue name = read_string(reader);
    if (IS_NONE(name))
        return JS_ATOM_NULL;
    JSAtom atom = JS_ValueToAtom(reader->ctx, name);
    JS_FreeValue(reader->ctx, name);
    return atom;
}

static bool is_digit(Reader *reader) {
    return reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9';
}

/* By the engine, which wants a zero at the end, and runs no script meanwhile. */
static JSValue engine_value(JSContext *ctx, char *text, size_t len) {
    char after = text[len];
    text[len] = 0;
    JSValue value = JS_ParseJSON(ctx, text, len, "body");
    text[len] = after;
    return value;
}

static JSValue read_number(Reader *reader) {
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,
                                  1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
    char *whole = (char *)reader->at;
    bool is_negative = next_is(reader, '-');
    const uint8_t *from = reader->at;
    uint64_t digits = 0;
    int count = 0, after_point = 0;
    for (; is_digit(reader); count++)
        digits = digits * 10 + (*reader->at++ - '0');
    if (!count || (count > 1 && *from == '0'))
        return UNSURE;
    if (next_is(reader, '.')) {
        for (; is_digit(reader); after_point++)
            digits = digits * 10 + (*reader->at++ - '0');
        if (!after_point)
            return UNSURE;
    }
    bool is_long = count + after_point > 18 || digits > 1ull << 53;
    if (next_is(reader, 'e') || next_is(reader, 'E')) {
        is_long = true;
        if (!next_is(reader, '+'))
            next_is(reader, '-');
        if (!is_digit(reader))
            return UNSURE;
        while (is_digit(reader))
            reader->at++;
    }
    if (is_long)
        return engine_value(reader->ctx, whole, (char *)reader->at - whole);
    /* Two exact numbers make one that is rounded once. */
    if (!after_point && digits <= 0x7fffffff && !(is_negative && !digits))
        return JS_NewInt32(reader->ctx, is_negative ? -(int32_t)digits : (int32_t)digits);
    double value = (double)digits / tens[after_point];
    return JS_NewFloat64(reader->ctx, is_negative ? -value : value);
}

static JSValue read_array(Reader *reader) {
    size_t first = reader->count;
    JSValue value = JS_UNDEFINED;
    skip_space(reader);
    if (next_is(reader, ']'))
        return JS_NewArray(reader->ctx);
    for (;;) {
        value = read_value(reader);
        if (IS_NONE(value))
            break;
        if (reader->count == reader->room) {
            size_t room = reader->room * 2 + 64;
            JSValue *more = realloc(reader->elements, room * sizeof(JSValue));
            if (!more) {
                JS_FreeValue(reader->ctx, value);
                value = JS_ThrowOutOfMemory(reader->ctx);
                break;
            }
            reader->elements = more;
            reader->room = room;
        }
        reader->elements[reader->count++] = value;
        if (next_is(reader, ']')) {
            size_t count = reader->count - first;
            reader->count = first;
            return JS_NewArrayFrom(reader->ctx, count, reader->elements + first);
        }
        if (!next_is(reader, ',')) {
            value = UNSURE;
            break;
        }
    }
    while (reader->count > first)
        JS_FreeValue(reader->ctx, reader->elements[--reader->count]);
    return value;
}

static JSValue read_object(Reader *reader) {
    JSContext *ctx = reader->ctx;
    JSValue object = JS_NewObject(ctx), value = UNSURE;
    if (JS_IsException(object))
        return object;
    skip_space(reader);
    if (next_is(reader, '}'))
        return object;
    for (uint16_t layout = 0;;) {
        skip_space(reader);
        JSAtom name = read_name(reader);
        if (name == JS_ATOM_NULL) {
            value = JS_HasException(ctx) ? JS_EXCEPTION : UNSURE;
            break;
        }
        layout = layout_with(ctx, layout, name);
        skip_space(reader);
        value = next_is(reader, ':') ? read_value(reader) : UNSURE;
        if (!IS_NONE(value) && JS_DefinePropertyValue(ctx, object, name, value, JS_PROP_C_W_E) < 0)
            value = JS_EXCEPTION;
        JS_FreeAtom(ctx, name);
        if (IS_NONE(value))
            break;
        if (next_is(reader, '}'))
            return object;
        if (!next_is(reader, ',')) {
            value = UNSURE;
            break;
        }
    }
    JS_FreeValue(ctx, object);
    return value;
}

static JSValue read_word(Reader *reader, const char *word, JSValue value) {
    size_t len = strlen(word);
    if ((size_t)(reader->end - reader->at) < len || memcmp(reader->at, word, len))
        return UNSURE;
    reader->at += len;
    return value;
}

/* A value and the space on both sides of it. */
static JSValue read_value(Reader *reader) {
    JSValue value = UNSURE;
    skip_space(reader);
    if (reader->at == reader->end)
        return UNSURE;
    switch (*reader->at) {
    case '{':
    case '[':
        if (reader->depth == DEPTH_MAX) {
            reader->is_too_deep = true;
            return UNSURE;
        }
        reader->depth++;
        value = *reader->at++ == '{' ? read_object(reader) : read_array(reader);
        reader->depth--;
        break;
    case '"':
        reader->at++;
        value = read_string(reader);
        break;
    case 't':
        value = read_word(reader, "true", JS_TRUE);
        break;
    case 'f':
        value = read_word(reader, "false", JS_FALSE);
        break;
    case 'n':
        value = read_word(reader, "null", JS_NULL);
        break;
    default:
        value = read_number(reader);
    }
    skip_space(reader);
    return value;
}

JSValue json_value(JSContext *ctx, char *text, size_t len) {
    Reader reader = {.ctx = ctx, .at = (uint8_t *)text, .end = (uint8_t *)text + len};
    JSValue value = read_value(&reader);
    free(reader.elements);
    if (!IS_NONE(value) && reader.at != reader.end) {
        JS_FreeValue(ctx, value);
        value = UNSURE;
    }
    if (reader.is_too_deep)
        return JS_ThrowSyntaxError(ctx, "JSON is nested more than %d deep", DEPTH_MAX);
    if (!IS_UNSURE(value))
        return value;
    return engine_value(ctx, text, len);
}
