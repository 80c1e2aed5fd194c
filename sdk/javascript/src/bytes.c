#include "runner.h"
#include <stdlib.h>
#include <string.h>

/* The first chunk is kept from batch to batch; larger needs have chunks of their own. */
#define CHUNK_BYTES (64 << 10)

typedef struct Chunk {
    struct Chunk *next;
    size_t used;
    size_t size;
    uint8_t bytes[];
} Chunk;

static Chunk *chunks;

static Chunk *chunk_new(size_t size) {
    Chunk *chunk = malloc(sizeof(Chunk) + size);
    if (chunk) {
        *chunk = (Chunk){.next = chunks, .used = 0, .size = size};
        chunks = chunk;
    }
    return chunk;
}

void bytes_reset(void) {
    while (chunks && (chunks->next || chunks->size > CHUNK_BYTES)) {
        Chunk *next = chunks->next;
        free(chunks);
        chunks = next;
    }
    if (chunks)
        chunks->used = 0;
}

uint8_t *bytes_take(size_t len) {
    Chunk *chunk = chunks;
    size_t need = (len + 3) & ~(size_t)3;
    if (need < len)
        return NULL;
    if (!chunk || chunk->size - chunk->used < need)
        chunk = chunk_new(need > CHUNK_BYTES ? need : CHUNK_BYTES);
    if (!chunk)
        return NULL;
    uint8_t *bytes = chunk->bytes + chunk->used;
    chunk->used += need;
    return bytes;
}

void mend_surrogates(uint8_t *bytes, size_t len) {
    uint8_t *end = bytes + len;
    for (uint8_t *at = bytes; (at = memchr(at, 0xed, end - at)) != NULL; at++)
        if (end - at >= 3 && at[1] >= 0xa0)
            memcpy(at, "\xef\xbf\xbd", 3);
}

const uint8_t *bytes_of_text(JSContext *ctx, JSValueConst value, size_t *len) {
    const char *text = JS_ToCStringLen(ctx, len, value);
    if (!text)
        return NULL;
    uint8_t *bytes = bytes_take(*len);
    if (bytes) {
        memcpy(bytes, text, *len);
        mend_surrogates(bytes, *len);
    } else {
        JS_ThrowOutOfMemory(ctx);
    }
    JS_FreeCString(ctx, text);
    return bytes;
}

bool view(JSContext *ctx, JSValueConst value, const uint8_t **bytes, size_t *len) {
    size_t at = 0, whole;
    const uint8_t *from = NULL;
    if (JS_IsArrayBuffer(value)) {
        from = JS_GetArrayBuffer(ctx, len, value);
    } else if (JS_GetTypedArrayType(value) >= 0) {
        JSValue buffer = JS_GetTypedArrayBuffer(ctx, value, &at, len, NULL);
        from = JS_IsException(buffer) ? NULL : JS_GetArrayBuffer(ctx, &whole, buffer);
        JS_FreeValue(ctx, buffer);
    } else {
        return false;
    }
    /* One that was detached has no bytes. */
    if (!from) {
        JS_FreeValue(ctx, JS_GetException(ctx));
        from = (const uint8_t *)"";
        at = *len = 0;
    }
    *bytes = from + at;
    return true;
}

bool bytes_of_view(JSContext *ctx, JSValueConst value, const uint8_t **bytes, size_t *len) {
    const uint8_t *from;
    if (!view(ctx, value, &from, len))
        return false;
    uint8_t *to = bytes_take(*len);
    if (to && *len)
        memcpy(to, from, *len);
    *bytes = to;
    return true;
}

/* The length of the character that `at` begins with; of no character, that of the part of one that
   becomes one U+FFFD, as browsers do. */
static size_t character(const uint8_t *at, size_t left, bool *is_whole) {
    uint8_t lead = at[0];
    size_t len = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    *is_whole = lead < 0x80 || (lead >= 0xc2 && lead <= 0xf4);
    for (size_t i = 1; *is_whole && i < len; i++, low = 0x80, high = 0xbf) {
        if (i < left && at[i] >= low && at[i] <= high)
            continue;
        *is_whole = false;
        return i;
    }
    return *is_whole ? len : 1;
}

/* How many bytes come before the first that belongs to no character. */
static size_t well_formed(const uint8_t *bytes, size_t len) {
    size_t at = 0;
    bool is_whole = true;
    while (at < len) {
        if (len - at >= 8 && !(long_word(bytes + at) & 0x8080808080808080)) {
            at += 8;
            continue;
        }
        size_t next = character(bytes + at, len - at, &is_whole);
        if (!is_whole)
            break;
        at += next;
    }
    return at;
}

bool is_utf8(const uint8_t *bytes, size_t len) { return well_formed(bytes, len) == len; }

JSValue text_of_bytes(JSContext *ctx, const uint8_t *bytes, size_t len) {
    size_t at = well_formed(bytes, len), to = at;
    if (at == len)
        return JS_NewStringLen(ctx, (const char *)bytes, len);
    /* Every byte that is left may become three. */
    size_t left = len - at;
    uint8_t *mended = left > (SIZE_MAX - at) / 3 ? NULL : malloc(at + 3 * left);
    if (!mended)
        return JS_ThrowOutOfMemory(ctx);
    memcpy(mended, bytes, at);
    while (at < len) {
        bool is_whole;
        size_t next = character(bytes + at, len - at, &is_whole);
        size_t size = is_whole ? next : 3;
        memcpy(mended + to, is_whole ? bytes + at : (const uint8_t *)"\xef\xbf\xbd", size);
        at += next;
        to += size;
    }
    JSValue text = JS_NewStringLen(ctx, (const char *)mended, to);
    free(mended);
    return text;
}
