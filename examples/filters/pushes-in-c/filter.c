/* Passes a GitHub push that leaves commits on one branch and drops all else: see README.md. */
#include "forebay.h"

#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS /* Without them a list of n objects takes n * n steps. */
#include "jsmn.h"

/* An object, read. Of jsmn's tokens the first is the object itself, and members' values follow
 * their names. */
typedef struct {
    forebay_bytes json;
    jsmntok_t *tokens;
    int count;
} object;

enum { REF_MAX = 1024 };

static char wanted[REF_MAX] = "refs/heads/main";
static size_t wanted_len = sizeof "refs/heads/main" - 1;

static bool read_object(forebay_bytes json, object *read)
{
    jsmn_parser parser;
    jsmn_init(&parser);
    *read = (object){json, NULL, JSMN_ERROR_NOMEM};
    /* Few events have more than a token for four bytes. Where they do, jsmn goes on from there. */
    for (size_t room = json.len / 4 + 4; read->count == JSMN_ERROR_NOMEM; room *= 2) {
        jsmntok_t *tokens = forebay_alloc(room * sizeof *tokens);
        for (unsigned int i = 0; i < parser.toknext; i++) tokens[i] = read->tokens[i];
        read->tokens = tokens;
        read->count = jsmn_parse(&parser, json.ptr, json.len, tokens, room);
    }
    return read->count > 0 && read->tokens[0].type == JSMN_OBJECT;
}

static uint32_t hex(const char *digits)
{
    uint32_t code = 0;
    for (int i = 0; i < 4; i++) {
        char digit = digits[i];
        code = code << 4 | (uint32_t)(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
    }
    return code;
}

static char *put_utf8(uint32_t code, char *to)
{
    if (code < 0x80) return *to = (char)code, to + 1;
    int len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (int i = len - 1; i > 0; i--, code >>= 6) to[i] = (char)(0x80 | (code & 0x3f));
    to[0] = (char)((len == 2 ? 0xc0 : len == 3 ? 0xe0 : 0xf0) | code);
    return to + len;
}

/* What stands in the JSON for a token, or for a string what it says: jsmn has checked that its
 * escapes are whole, and leaves them in it. */
static forebay_bytes text_of(const object *read, const jsmntok_t *token)
{
    forebay_bytes raw = forebay_slice(read->json, (size_t)token->start, (size_t)token->end);
    if (!forebay_contains(raw, "\\")) return raw;
    /* No escape is shorter than its character. */
    char *text = forebay_alloc(raw.len), *to = text;
    for (const char *at = raw.ptr, *end = at + raw.len; at < end; at++) {
        if (*at != '\\') {
            *to++ = *at;
            continue;
        }
        switch (*++at) {
        case 'b': *to++ = '\b'; break;
        case 'f': *to++ = '\f'; break;
        case 'n': *to++ = '\n'; break;
        case 'r': *to++ = '\r'; break;
        case 't': *to++ = '\t'; break;
        case 'u': {
            uint32_t code = hex(at + 1), low = 0;
            at += 4;
            if (code >= 0xd800 && code < 0xdc00 && end - at > 6 && at[1] == '\\' && at[2] == 'u')
                low = hex(at + 3);
            if (low >= 0xdc00 && low < 0xe000) {
                code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                at += 6;
            }
            to = put_utf8(code >= 0xd800 && code < 0xe000 ? 0xfffd : code, to);
            break;
        }
        default: *to++ = *at;
        }
    }
    return forebay_bytes_of(text, (size_t)(to - text));
}

/* A name has the one value; jsmn lets pass what has none, or several. */
static bool is_name(const object *read, int i)
{
    const jsmntok_t *token = &read->tokens[i];
    return token->parent == 0 && token->type == JSMN_STRING && token->size == 1;
}

/* The value of the last member of that name, null when there is none. */
static const jsmntok_t *member(const object *read, const char *name)
{
    const jsmntok_t *value = NULL;
    for (int i = 1; i < read->count; i++) {
        if (is_name(read, i) && forebay_is(text_of(read, &read->tokens[i]), name))
            value = &read->tokens[i + 1];
    }
    return value;
}

static bool start(forebay_bytes config)
{
    object read;
    if (!read_object(config, &read))
        return forebay_fail(forebay_str("the configuration: it is no JSON object"));
    for (int i = 1; i < read.count; i++) {
        if (!is_name(&read, i)) continue;
        if (!forebay_is(text_of(&read, &read.tokens[i]), "branch")) {
            forebay_bytes why = {0};
            forebay_add_str(&why, "the configuration: `");
            forebay_add(&why, text_of(&read, &read.tokens[i]));
            forebay_add_str(&why, "` is no key of this filter; its keys are `branch`");
            return forebay_fail(why);
        }
        const jsmntok_t *value = &read.tokens[i + 1];
        forebay_bytes branch = text_of(&read, value);
        size_t prefix = sizeof "refs/heads/" - 1;
        if (value->type != JSMN_STRING || branch.len > REF_MAX - prefix)
            return forebay_fail(forebay_str("the configuration: `branch` is no text, or too long"));
        /* The arena is empty again at each batch; the branch lasts as long as the instance. */
        __builtin_memcpy(wanted + prefix, branch.ptr, branch.len);
        wanted_len = prefix + branch.len;
    }
    return true;
}

FOREBAY_START(start)

forebay_verdict forebay_filter(const forebay_event *event)
{
    object push;
    if (!forebay_is(event->type, "push")) return forebay_drop();
    if (!read_object(event->body, &push))
        return forebay_reject(forebay_str("the body: it is no JSON object"));
    const jsmntok_t *ref = member(&push, "ref"), *deleted = member(&push, "deleted");
    if (ref == NULL || ref->type != JSMN_STRING)
        return forebay_reject(forebay_str("the body: `ref` is missing"));
    bool is_deleted = deleted != NULL && deleted->type == JSMN_PRIMITIVE &&
                      forebay_is(text_of(&push, deleted), "true");
    bool is_wanted = forebay_equal(text_of(&push, ref), forebay_bytes_of(wanted, wanted_len));
    return forebay_keep(is_wanted && !is_deleted);
}
