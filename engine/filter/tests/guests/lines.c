/* A guest that traps at a line that is known. Built, here, by
 *
 *   clang-19 --target=wasm32 -O1 -g -nostdlib -Wl,--no-entry -ffile-prefix-map=$PWD= \
 *     -o lines.wasm lines.c
 */
#define EXPORT(name) __attribute__((export_name(name)))

static char buffer[1 << 16] __attribute__((aligned(16)));

EXPORT("forebay_buffer") void *forebay_buffer(int len)
{
    return len <= (int)sizeof buffer ? buffer : 0;
}

static __attribute__((noinline)) int share(int of, const char *body)
{
    if (body[0] == 'x') __builtin_trap();
    return of / (body[0] - '0');
}

EXPORT("forebay_filter_v1") int forebay_filter_v1(const char *body, int len)
{
    if (len == 0) return 1;
    return share(1000, body) > 100;
}
