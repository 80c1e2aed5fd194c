/* The three functions of the contract, with a JavaScript engine behind them. */
#include "runner.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT(name) __attribute__((export_name(name)))

/* Of the module's own stack, which is 1 MiB. The host's is the one that would end first, at about
   108 KiB of ours; a deep recursion shall meet this limit before: it is an error, and no trap. */
#define STACK_BYTES (88 << 10)
/* Cycles are looked for when so much is in use. Most scripts make none. */
#define CYCLES_FROM_BYTES (4 << 20)
/* What batch headers and entries have at least. */
enum { HEADER_BYTES = 64, ENTRY_BYTES = 64, PROGRESS = 48 };

static JSRuntime *runtime;
static JSContext *ctx;
static JSValue filter = JS_UNDEFINED;
static JSValue config = JS_UNDEFINED;

EXPORT("forebay_buffer") uint32_t forebay_buffer(uint32_t len) {
    static uint8_t *place;
    static size_t room;
    /* One byte more, for `json_value`. */
    size_t need = ((size_t)len + 1 + 4095) & ~(size_t)4095;
    if (need < len)
        return 0;
    if (need > room) {
        free(place);
        place = aligned_alloc(16, need);
        room = place ? need : 0;
    }
    return (uint32_t)(uintptr_t)place;
}

static int refuse(const char *why) {
    host_fail(why, strlen(why));
    return -1;
}

/* `script:3:14`, the innermost place of a stack that is the script's; false when there is none. */
static bool place_of(const char *stack, char *place, size_t room) {
    const char *at = stack ? strstr(stack, "script:") : NULL;
    size_t len = at ? strspn(at + 7, "0123456789:") : 0;
    if (!len || len + 8 > room)
        return false;
    memcpy(place, at, len + 7);
    place[len + 7] = 0;
    return true;
}

/* What is said of an error: its message or, where that is empty, its name. Of anything else that
   was thrown, itself. */
static JSValue words_of(JSValueConst error) {
    if (!JS_IsError(error))
        return JS_DupValue(ctx, error);
    size_t len = 0;
    JSValue words = JS_GetPropertyStr(ctx, error, "message");
    const char *text = JS_IsException(words) ? NULL : JS_ToCStringLen(ctx, &len, words);
    if (text && !len) {
        JS_FreeValue(ctx, words);
        words = JS_GetPropertyStr(ctx, error, "name");
    }
    JS_FreeCString(ctx, text);
    return words;
}

/* Refuses the start with the exception's message and place. */
static int refuse_exception(JSValue error) {
    char place[64] = "script", why[1024];
    JSValue message = words_of(error), stack = JS_UNDEFINED;
    if (JS_IsError(error)) {
        stack = JS_GetPropertyStr(ctx, error, "stack");
    }
    const char *text = JS_ToCString(ctx, message);
    const char *trace = JS_ToCString(ctx, stack);
    place_of(trace, place, sizeof place);
    snprintf(why, sizeof why, "%s: %s", place, text ? text : "an error without a message");
    JS_FreeCString(ctx, text);
    JS_FreeCString(ctx, trace);
    JS_FreeValue(ctx, message);
    JS_FreeValue(ctx, stack);
    JS_FreeValue(ctx, error);
    return refuse(why);
}

/* Runs what promises wait for. What it throws is its promises' own. */
static void run_jobs(void) {
    JSContext *of;
    while (JS_IsJobPending(runtime))
        if (JS_ExecutePendingJob(runtime, &of) < 0)
            JS_FreeValue(of, JS_GetException(of));
}

/* What a promise has become: its value, or an exception. Anything else is itself. */
static JSValue settled(JSValue value) {
    if (!JS_IsPromise(value))
        return value;
    run_jobs();
    JSPromiseStateEnum state = JS_PromiseState(ctx, value);
    JSValue result = JS_PromiseResult(ctx, value);
    JS_FreeValue(ctx, value);
    if (state == JS_PROMISE_FULFILLED)
        return result;
    if (state == JS_PROMISE_REJECTED)
        return JS_Throw(ctx, result);
    JS_FreeValue(ctx, result);
    return JS_ThrowTypeError(ctx, "the script awaits what never comes");
}

/* Scripts share one configuration from event to event, so it stays as it is. */
static int freeze(JSValueConst value) {
    JSPropertyEnum *names;
    uint32_t count;
    if (!JS_IsObject(value))
        return 0;
    if (JS_GetOwnPropertyNames(ctx, &names, &count, value, JS_GPN_STRING_MASK))
        return -1;
    int frozen = 0;
    for (uint32_t i = 0; i < count && !frozen; i++) {
        JSValue part = JS_GetProperty(ctx, value, names[i].atom);
        frozen = JS_IsException(part) ? -1 : freeze(part);
        JS_FreeValue(ctx, part);
    }
    JS_FreePropertyEnum(ctx, names, count);
    return frozen ? frozen : JS_FreezeObject(ctx, value) < 0 ? -1 : 0;
}

/* Not among them: WeakRef and FinalizationRegistry, which would show when memory is collected. */
static int open_engine(void) {
    runtime = JS_NewRuntime();
    ctx = runtime ? JS_NewContextRaw(runtime) : NULL;
    if (!ctx)
        return -1;
    JS_SetMaxStackSize(runtime, STACK_BYTES);
    JS_SetGCThreshold(runtime, CYCLES_FROM_BYTES);
    bool is_open = !JS_AddIntrinsicBaseObjects(ctx) && !JS_AddIntrinsicDate(ctx) &&
                   !JS_AddIntrinsicEval(ctx) && !JS_AddIntrinsicRegExp(ctx) &&
                   !JS_AddIntrinsicJSON(ctx) && !JS_AddIntrinsicProxy(ctx) &&
                   !JS_AddIntrinsicMapSet(ctx) && !JS_AddIntrinsicTypedArrays(ctx) &&
                   !JS_AddIntrinsicPromise(ctx) && !JS_AddIntrinsicBigInt(ctx) &&
                   !JS_AddIntrinsicAToB(ctx) && !event_class(ctx) && verdict_classes(ctx) >= 0 &&
                   !globals_add(ctx);
    return is_open ? 0 : -1;
}

static int load(const char *script, size_t len) {
    int flags = JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY;
    JSValue module = JS_Eval(ctx, script, len, "script", flags);
    if (JS_IsException(module))
        return refuse_exception(JS_GetException(ctx));
    JSModuleDef *definition = JS_VALUE_GET_PTR(module);
    JSValue done = settled(JS_EvalFunction(ctx, module));
    if (JS_IsException(done))
        return refuse_exception(JS_GetException(ctx));
    JS_FreeValue(ctx, done);
    JSValue names = JS_GetModuleNamespace(ctx, definition);
    filter = JS_GetPropertyStr(ctx, names, "default");
    JS_FreeValue(ctx, names);
    if (!JS_IsFunction(ctx, filter))
        return refuse("the script must `export default` its filter, (event, config) => …");
    return 0;
}

EXPORT("forebay_init_v1") int32_t forebay_init_v1(uint32_t at, uint32_t len) {
    if (open_engine() < 0)
        return refuse("the engine does not start: the filter's memory is too small");
    config = json_value(ctx, (char *)(uintptr_t)at, len);
    if (JS_IsException(config))
        return refuse_exception(JS_GetException(ctx));
    JSValue script = JS_GetPropertyStr(ctx, config, "script");
    if (!JS_IsString(script))
        return refuse("the configuration has no `script`, the text of the filter");
    JSAtom name = JS_NewAtom(ctx, "script");
    JS_DeleteProperty(ctx, config, name, 0);
    JS_FreeAtom(ctx, name);
    size_t script_len;
    const char *script_text = JS_ToCStringLen(ctx, &script_len, script);
    JS_FreeValue(ctx, script);
    if (!script_text || freeze(config) < 0)
        return refuse("no memory for the script");
    int loaded = load(script_text, script_len);
    JS_FreeCString(ctx, script_text);
    return loaded;
}

/* Errors that scripts seldom throw themselves: their place belongs into the log. */
static bool is_blunder(JSValueConst error) {
    static const char *const names[] = {"TypeError", "ReferenceError", "RangeError",
                                        "InternalError"};
    JSValue name = JS_GetPropertyStr(ctx, error, "name");
    const char *text = JS_IsString(name) ? JS_ToCString(ctx, name) : NULL;
    bool found = false;
    for (int i = 0; text && i < 4; i++)
        found = found || !strcmp(text, names[i]);
    JS_FreeCString(ctx, text);
    JS_FreeValue(ctx, name);
    return found;
}

/* Rejects the event with what was thrown; a verdict that was thrown is one. Where it was thrown
   goes to the operator's log: at level error or, where it may be on purpose, debug. */
static void answer_thrown(uint32_t source) {
    JSValue error = JS_GetException(ctx);
    if (is_verdict(error) && answer_value(ctx, source, error) == 0) {
        JS_FreeValue(ctx, error);
        return;
    }
    JSValue reason = words_of(error);
    if (JS_IsError(error)) {
        size_t len;
        JSValue stack = JS_GetPropertyStr(ctx, error, "stack");
        const char *trace = JS_IsString(stack) ? JS_ToCStringLen(ctx, &len, stack) : NULL;
        if (trace && len)
            host_log(is_blunder(error) ? 3 : 0, trace, len);
        JS_FreeCString(ctx, trace);
        JS_FreeValue(ctx, stack);
    }
    size_t len = 0;
    const char *text = JS_IsException(reason) ? NULL : JS_ToCStringLen(ctx, &len, reason);
    if (text && len)
        answer_reject(source, text, len);
    else
        answer_reject(source, "an error without a message", 26);
    if (!text)
        JS_FreeValue(ctx, JS_GetException(ctx));
    JS_FreeCString(ctx, text);
    JS_FreeValue(ctx, reason);
    JS_FreeValue(ctx, error);
}

static void show(uint32_t source, uint8_t *entry) {
    JSValue arguments[2] = {event_begin(ctx, entry), config};
    JSValue answer = JS_EXCEPTION;
    if (!JS_IsException(arguments[0]))
        answer = settled(JS_Call(ctx, filter, JS_UNDEFINED, 2, (JSValueConst *)arguments));
    if (JS_IsException(answer) || answer_value(ctx, source, answer) < 0)
        answer_thrown(source);
    JS_FreeValue(ctx, answer);
    /* Whatever the script has left waiting is of this event. */
    run_jobs();
    event_end();
    JS_FreeValue(ctx, arguments[0]);
}

EXPORT("forebay_process_v1") int64_t forebay_process_v1(uint32_t at, uint32_t len) {
    uint8_t *batch = (uint8_t *)(uintptr_t)at;
    if (len < HEADER_BYTES || memcmp(batch, "FBB1", 4))
        return refuse("the batch does not begin with FBB1");
    uint32_t count = word(batch + 12), entries = word(batch + 16), stride = word(batch + 20);
    uint64_t end = (uint64_t)entries + (uint64_t)count * stride;
    if (stride < ENTRY_BYTES || entries < at || end > (uint64_t)at + len)
        return refuse("the batch's entries lie outside of it");
    answer_begin(count);
    for (uint32_t i = 0; i < count; i++) {
        *(volatile uint32_t *)(batch + PROGRESS) = i;
        show(i, (uint8_t *)(uintptr_t)entries + (size_t)i * stride);
    }
    return answer_finish();
}
