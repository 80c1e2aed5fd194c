#include "runner.h"
#include <string.h>
#include <sys/time.h>
#include <time.h>

/* What of the globals is easier said in JavaScript. */
static const char prelude[] = {
#embed "globals.js"
    , 0};

/* The engine asks libc for the time. There is one clock: when the event came in. */
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    int64_t now_ns = host_now_ns();
    now->tv_sec = now_ns / 1000000000;
    now->tv_usec = now_ns % 1000000000 / 1000;
    return 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int64_t now_ns = host_now_ns();
    now->tv_sec = now_ns / 1000000000;
    now->tv_nsec = now_ns % 1000000000;
    return 0;
}

static int level_of(JSContext *ctx, JSValueConst value) {
    static const char *const names[] = {"debug", "info", "warn", "error"};
    int level = -1;
    if (JS_IsNumber(value)) {
        JS_ToInt32(ctx, &level, value);
    } else {
        const char *name = JS_ToCString(ctx, value);
        for (int i = 0; name && i < 4; i++)
            if (!strcmp(name, names[i]))
                level = i;
        JS_FreeCString(ctx, name);
    }
    if (level < 0 || level > 3) {
        if (!JS_HasException(ctx))
            JS_ThrowTypeError(ctx, "a level is \"debug\", \"info\", \"warn\" or \"error\"");
        return -1;
    }
    return level;
}

static JSValue global_log(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    int level = level_of(ctx, argv[0]);
    size_t len;
    const char *text = level < 0 ? NULL : JS_ToCStringLen(ctx, &len, argv[1]);
    if (!text)
        return JS_EXCEPTION;
    host_log(level, text, len);
    JS_FreeCString(ctx, text);
    return JS_UNDEFINED;
}

static JSValue global_metric(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv,
                             int kind) {
    double number = 1;
    if ((kind == 1 || !JS_IsUndefined(argv[1])) && JS_ToFloat64(ctx, &number, argv[1]) < 0)
        return JS_EXCEPTION;
    size_t len;
    const char *name = JS_ToCStringLen(ctx, &len, argv[0]);
    if (!name)
        return JS_EXCEPTION;
    host_metric(name, len, kind, number);
    JS_FreeCString(ctx, name);
    return JS_UNDEFINED;
}

/* (table, key): the value as text, undefined where there is none. */
static JSValue global_look_up(JSContext *ctx, JSValueConst this_value, int argc,
                              JSValueConst *argv) {
    size_t table_len, len;
    const char *table = JS_ToCStringLen(ctx, &table_len, argv[0]);
    const char *key = table ? JS_ToCStringLen(ctx, &len, argv[1]) : NULL;
    JSValue value = key ? JS_UNDEFINED : JS_EXCEPTION;
    int found = key ? host_table_get(table, table_len, key, len, NULL, 0) : -1;
    if (found >= 0) {
        uint8_t *to = js_malloc(ctx, found + 1);
        if (to)
            host_table_get(table, table_len, key, len, to, found);
        value = to ? text_of_bytes(ctx, to, found) : JS_EXCEPTION;
        js_free(ctx, to);
    }
    JS_FreeCString(ctx, key);
    JS_FreeCString(ctx, table);
    return value;
}

static JSValue global_random(JSContext *ctx, JSValueConst this_value, int argc,
                             JSValueConst *argv) {
    return JS_NewBigInt64(ctx, host_random());
}

/* 53 bits, which is what a number holds between 0 and 1. */
static JSValue math_random(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    return JS_NewFloat64(ctx, (double)((uint64_t)host_random() >> 11) * 0x1p-53);
}

static JSValue utf8_encode(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    size_t len;
    const char *text = JS_ToCStringLen(ctx, &len, argv[0]);
    if (!text)
        return JS_EXCEPTION;
    JSValue array = JS_NewUint8ArrayCopy(ctx, (const uint8_t *)text, len);
    uint8_t *bytes = JS_IsException(array) ? NULL : JS_GetUint8Array(ctx, &len, array);
    if (bytes)
        mend_surrogates(bytes, len);
    JS_FreeCString(ctx, text);
    return array;
}

/* (bytes, is_fatal, keeps_mark). */
static JSValue utf8_decode(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    const uint8_t *bytes;
    size_t len;
    if (!view(ctx, argv[0], &bytes, &len))
        return JS_ThrowTypeError(ctx, "TextDecoder.decode wants a Uint8Array or an ArrayBuffer");
    if (JS_ToBool(ctx, argv[1]) && !is_utf8(bytes, len))
        return JS_ThrowTypeError(ctx, "the bytes are not UTF-8");
    if (!JS_ToBool(ctx, argv[2]) && len >= 3 && !memcmp(bytes, "\xef\xbb\xbf", 3))
        bytes += 3, len -= 3;
    return text_of_bytes(ctx, bytes, len);
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("log", 2, global_log),
    JS_CFUNC_MAGIC_DEF("count", 2, global_metric, 0),
    JS_CFUNC_MAGIC_DEF("gauge", 2, global_metric, 1),
    JS_CFUNC_DEF("random", 0, global_random),
    JS_CFUNC_DEF("lookUp", 2, global_look_up),
};

int globals_add(JSContext *ctx) {
    JSValue global = JS_GetGlobalObject(ctx);
    JSValue math = JS_GetPropertyStr(ctx, global, "Math");
    JS_SetPropertyFunctionList(ctx, global, functions, sizeof functions / sizeof *functions);
    JS_SetPropertyStr(ctx, math, "random", JS_NewCFunction(ctx, math_random, "random", 0));
    JS_FreeValue(ctx, math);
    JSValue add = JS_Eval(ctx, prelude, sizeof prelude - 1, "forebay", JS_EVAL_TYPE_GLOBAL);
    JSValue parts[2] = {
        JS_NewCFunction(ctx, utf8_encode, "encode", 1),
        JS_NewCFunction(ctx, utf8_decode, "decode", 3),
    };
    JSValue added = JS_Call(ctx, add, global, 2, (JSValueConst *)parts);
    int is_added = JS_IsException(added) ? -1 : 0;
    JS_FreeValue(ctx, parts[0]);
    JS_FreeValue(ctx, parts[1]);
    JS_FreeValue(ctx, added);
    JS_FreeValue(ctx, add);
    JS_FreeValue(ctx, global);
    return is_added;
}
