/* Owns:    the choice of a share of events, by a hash, so that one key is always in or always out.
 * Imports: forebay.h.
 * Never:   draws at random, changes an event, recurses over a body. */
#include "forebay.h"

enum { STEPS_MAX = 8, TEXT_MAX = 256, TEXTS_MAX = 1024 };

typedef enum { BY_KEY, BY_ID, BY_TYPE, BY_SOURCE, BY_HEADER, BY_POINTER } field;
typedef enum { MISSING_BY_ID, MISSING_PASS, MISSING_DROP } absence;

/* Written by `start` alone. */
static struct {
    double share;
    field by;
    absence missing;
    uint64_t seed;
    char header[TEXT_MAX];
    forebay_bytes steps[STEPS_MAX]; /* of the pointer, without escapes, within `texts` */
    size_t step_count;
    char texts[TEXTS_MAX];
} config = {.share = 1};

/* ---- JSON, read as closely as is needed to find a value in it ------------------------------- */

typedef struct {
    const char *at, *end;
} cursor;

static int peek(const cursor *c) { return c->at < c->end ? (unsigned char)*c->at : -1; }

static void skip_space(cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r'))
        c->at++;
}

static bool take(cursor *c, char byte)
{
    skip_space(c);
    if (peek(c) != byte) return false;
    c->at++;
    return true;
}

/* What stands between the quotes. */
static bool string(cursor *c, forebay_bytes *raw)
{
    if (!take(c, '"')) return false;
    const char *from = c->at, *at = from, *end = c->end;
    while (at < end && *at != '"') at += *at == '\\' ? 2 : 1;
    if (at >= end) return false;
    *raw = forebay_bytes_of(from, (size_t)(at - from));
    c->at = at + 1;
    return true;
}

static bool is_part_of_plain(int byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z') || byte == '-' || byte == '+' || byte == '.';
}

/* Goes behind a value; of containers only the depth is looked at. */
static bool skip_value(cursor *c)
{
    const char *at = c->at, *end = c->end;
    size_t depth = 0;
    while (at < end) {
        char byte = *at++;
        switch (byte) {
        case '"':
            while (at < end && *at != '"') at += *at == '\\' ? 2 : 1;
            if (at++ >= end) return false;
            break;
        case '{': case '[':
            depth++;
            continue;
        case '}': case ']':
            if (depth == 0) return false;
            depth--;
            break;
        case ',': case ':':
            if (depth == 0) return false;
            continue;
        case ' ': case '\t': case '\n': case '\r':
            continue;
        default:
            if (!is_part_of_plain(byte)) return false;
            while (at < end && is_part_of_plain(*at)) at++;
        }
        if (depth == 0) {
            c->at = at;
            return true;
        }
    }
    return false;
}

static int hex(const cursor *c, size_t from)
{
    int value = 0;
    if ((size_t)(c->end - c->at) < from + 4) return -1;
    for (size_t i = from; i < from + 4; i++) {
        char digit = c->at[i];
        int low = digit | 0x20;
        if (digit >= '0' && digit <= '9') value = value << 4 | (digit - '0');
        else if (low >= 'a' && low <= 'f') value = value << 4 | (low - 'a' + 10);
        else return -1;
    }
    return value;
}

static size_t put_utf8(uint32_t code, char *to)
{
    if (code < 0x80) return to[0] = (char)code, 1;
    size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--, code >>= 6) to[i] = (char)(0x80 | (code & 0x3f));
    to[0] = (char)((len == 2 ? 0xc0 : len == 3 ? 0xe0 : 0xf0) | code);
    return len;
}

/* The next character of a string, or its next byte: at most four bytes, none at the end. */
static size_t next_char(cursor *c, char *to)
{
    if (c->at >= c->end) return 0;
    if (*c->at != '\\' || c->end - c->at < 2) return to[0] = *c->at++, 1;
    char escape = c->at[1];
    if (escape != 'u') {
        c->at += 2;
        to[0] = escape == 'n' ? '\n' : escape == 't' ? '\t' : escape == 'r' ? '\r'
              : escape == 'b' ? '\b' : escape == 'f' ? '\f' : escape;
        return 1;
    }
    int code = hex(c, 2);
    if (code < 0) return c->at += 2, put_utf8(0xfffd, to);
    c->at += 6;
    if (code < 0xd800 || code > 0xdfff) return put_utf8((uint32_t)code, to);
    int low = c->end - c->at >= 6 && c->at[0] == '\\' && c->at[1] == 'u' ? hex(c, 2) : -1;
    if (code > 0xdbff || low < 0xdc00 || low > 0xdfff) return put_utf8(0xfffd, to);
    c->at += 6;
    return put_utf8(0x10000 + (((uint32_t)code - 0xd800) << 10) + ((uint32_t)low - 0xdc00), to);
}

static bool is_text(forebay_bytes raw, forebay_bytes text)
{
    cursor c = {raw.ptr, raw.ptr + raw.len};
    char utf8[4];
    size_t at = 0, len;
    while ((len = next_char(&c, utf8)) > 0) {
        if (at + len > text.len || __builtin_memcmp(text.ptr + at, utf8, len) != 0) return false;
        at += len;
    }
    return at == text.len;
}

static bool is_index(forebay_bytes step, uint64_t index)
{
    uint64_t wanted;
    if (step.len > 1 && step.ptr[0] == '0') return false;
    return forebay_read_unsigned(step, &wanted) && wanted == index;
}

typedef enum { FOUND, ABSENT, MALFORMED } finding;

/* Goes to the member or element of the container at `c` that the step names; of members of one
 * name to the last. */
static finding step_into(cursor *c, forebay_bytes step)
{
    cursor found = {0};
    skip_space(c);
    int open = peek(c);
    if (open != '{' && open != '[') return ABSENT;
    char close = open == '{' ? '}' : ']';
    c->at++;
    if (take(c, close)) return ABSENT;
    for (uint64_t index = 0;; index++) {
        bool is_it;
        if (open == '{') {
            forebay_bytes name;
            if (!string(c, &name) || !take(c, ':')) return MALFORMED;
            is_it = is_text(name, step);
        } else {
            is_it = is_index(step, index);
        }
        skip_space(c);
        cursor value = *c;
        if (!skip_value(c)) return MALFORMED;
        if (is_it) found = (cursor){value.at, c->at};
        if (take(c, close)) break;
        if (!take(c, ',')) return MALFORMED;
    }
    if (found.at == NULL) return ABSENT;
    *c = found;
    return FOUND;
}

static finding follow_pointer(forebay_bytes body, cursor *value)
{
    *value = (cursor){body.ptr, body.ptr + body.len};
    for (size_t i = 0; i < config.step_count; i++) {
        finding found = step_into(value, config.steps[i]);
        if (found != FOUND) return found;
    }
    skip_space(value);
    return forebay_is(forebay_bytes_of(value->at, (size_t)(value->end - value->at)), "null")
               ? ABSENT : FOUND;
}

/* ---- The hash ------------------------------------------------------------------------------- */

/* FNV-1a, 64 bits. */
static uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001b3u;
    return hash;
}

/* Murmur's last step, which spreads what FNV leaves in the low bits. */
static bool is_in(uint64_t hash)
{
    hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdu;
    hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53u;
    hash ^= hash >> 33;
    return (double)(hash >> 11) * 0x1p-53 < config.share;
}

static bool is_text_in(forebay_bytes text)
{
    return is_in(hash_bytes(config.seed, text.ptr, text.len));
}

/* A string counts by its characters, whatever escapes it is written with. */
static bool is_value_in(cursor value)
{
    uint64_t hash = config.seed;
    forebay_bytes raw;
    if (peek(&value) != '"' || !string(&value, &raw)) {
        return is_text_in(forebay_bytes_of(value.at, (size_t)(value.end - value.at)));
    }
    cursor text = {raw.ptr, raw.ptr + raw.len};
    char utf8[4];
    for (size_t len; (len = next_char(&text, utf8)) > 0;) hash = hash_bytes(hash, utf8, len);
    return is_in(hash);
}

/* ---- The configuration ---------------------------------------------------------------------- */

static bool refuse(const char *why) { return forebay_fail(forebay_str(why)); }

static bool read_share(forebay_bytes text)
{
    double value = 0, unit = 1;
    bool is_percent = text.len > 0 && text.ptr[text.len - 1] == '%', has_digit = false;
    size_t len = text.len - is_percent, at = 0;
    for (; at < len && text.ptr[at] >= '0' && text.ptr[at] <= '9'; at++, has_digit = true)
        value = value * 10 + (text.ptr[at] - '0');
    if (at < len && text.ptr[at] == '.') {
        for (at++; at < len && text.ptr[at] >= '0' && text.ptr[at] <= '9'; at++, has_digit = true)
            value += (text.ptr[at] - '0') * (unit /= 10);
    }
    if (is_percent) value /= 100;
    if (!has_digit || at != len || value > 1) {
        return refuse("the configuration: `share` must be from 0 to 1, such as 0.25 or \"25%\"");
    }
    config.share = value;
    return true;
}

static bool read_pointer(forebay_bytes text)
{
    char *to = config.texts, *end = config.texts + sizeof config.texts;
    for (size_t at = 0; at < text.len;) {
        char *from = to;
        for (at++; at < text.len && text.ptr[at] != '/'; at++) {
            char byte = text.ptr[at];
            if (byte == '~') {
                char next = at + 1 < text.len ? text.ptr[++at] : 0;
                if (next != '0' && next != '1')
                    return refuse("the configuration: `by` has a `~` without 0 or 1 behind it");
                byte = next == '0' ? '~' : '/';
            }
            if (to == end) return refuse("the configuration: `by` is longer than 1024 bytes");
            *to++ = byte;
        }
        if (config.step_count == STEPS_MAX)
            return refuse("the configuration: `by` has more than 8 steps");
        config.steps[config.step_count++] = forebay_bytes_of(from, (size_t)(to - from));
    }
    config.by = BY_POINTER;
    return true;
}

static bool read_by(forebay_bytes text)
{
    static const char *const names[] = {"key", "id", "type", "source"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (forebay_is(text, names[i])) {
            config.by = (field)i;
            return true;
        }
    }
    if (forebay_starts_with(text, "/")) return read_pointer(text);
    if (forebay_starts_with(text, "headers.") && text.len - 8 < TEXT_MAX) {
        config.by = BY_HEADER;
        for (size_t i = 8; i < text.len; i++) {
            char byte = text.ptr[i];
            config.header[i - 8] = byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
        }
        return true;
    }
    return refuse("the configuration: `by` must be key, id, type, source, headers.NAME or a JSON "
                  "pointer such as \"/user/id\"");
}

static bool read_missing(forebay_bytes text)
{
    if (forebay_is(text, "id")) config.missing = MISSING_BY_ID;
    else if (forebay_is(text, "pass")) config.missing = MISSING_PASS;
    else if (forebay_is(text, "drop")) config.missing = MISSING_DROP;
    else return refuse("the configuration: `missing` must be id, pass or drop");
    return true;
}

static bool start(forebay_bytes given)
{
    config.seed = 0xcbf29ce484222325u;
    cursor c = {given.ptr, given.ptr + given.len};
    bool has_share = false;
    if (!take(&c, '{')) return refuse("the configuration: it must be a table");
    for (bool more = !take(&c, '}'); more; more = take(&c, ',')) {
        forebay_bytes name, value = {0};
        if (!string(&c, &name) || !take(&c, ':'))
            return refuse("the configuration: it is not JSON");
        skip_space(&c);
        if (peek(&c) == '"') string(&c, &value);
        else {
            value.ptr = c.at;
            if (!skip_value(&c)) return refuse("the configuration: it is not JSON");
            value.len = (size_t)(c.at - value.ptr);
        }
        bool is_good;
        if (forebay_is(name, "share")) is_good = has_share = read_share(value);
        else if (forebay_is(name, "by")) is_good = read_by(value);
        else if (forebay_is(name, "missing")) is_good = read_missing(value);
        else if (forebay_is(name, "seed")) {
            config.seed = hash_bytes(config.seed, value.ptr, value.len);
            is_good = true;
        } else {
            forebay_bytes why = {0};
            forebay_add_str(&why, "the configuration: `");
            forebay_add(&why, name);
            forebay_add_str(&why, "` is no key of this filter; its keys are `share`, `by`, "
                                  "`missing`, `seed`");
            return forebay_fail(why);
        }
        if (!is_good) return false;
    }
    return has_share || refuse("the configuration: `share` is missing: the share of events to "
                               "keep, such as 0.25 or \"25%\"");
}

FOREBAY_START(start)

/* ---- The filter ----------------------------------------------------------------------------- */

forebay_verdict forebay_filter(const forebay_event *event)
{
    forebay_bytes text = {0};
    cursor value;
    switch (config.by) {
    case BY_KEY: text = event->key; break;
    case BY_ID: text = event->id; break;
    case BY_TYPE: text = event->type; break;
    case BY_SOURCE: text = forebay_source(event); break;
    case BY_HEADER: forebay_header(event, config.header, &text); break;
    case BY_POINTER:
        if (follow_pointer(event->body, &value) == FOUND)
            return forebay_keep(is_value_in(value));
    }
    if (text.len > 0) return forebay_keep(is_text_in(text));
    switch (config.missing) {
    case MISSING_PASS: return forebay_pass();
    case MISSING_DROP: return forebay_drop();
    case MISSING_BY_ID: break;
    }
    return forebay_keep(is_text_in(event->id));
}
