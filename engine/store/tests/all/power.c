// A power cut: loaded before the C library, this remembers what each page of a file held when the
// file was last synced. At the POWER_CUT_AT-th write or sync it gives some of the pages that were
// not synced since their old content back, chosen by POWER_CUT_SEED, and ends the process.
//
// What it leaves out: directories. A created or renamed file stays; only contents are unsynced.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE 4096

struct page {
    uint64_t number;
    int was_there; // bytes of it that were in the file, 0 when it lay beyond the end
    unsigned char old[PAGE];
    struct page *next;
};

struct file {
    dev_t dev;
    ino_t ino;
    int fd;
    off_t synced_size;
    struct page *pages;
    struct file *next;
};

static struct file *files;
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static uint64_t calls, cut_at, dice;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

__attribute__((constructor)) static void start(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    real_writev = dlsym(RTLD_NEXT, "writev");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    const char *at = getenv("POWER_CUT_AT"), *seed = getenv("POWER_CUT_SEED");
    cut_at = at ? strtoull(at, NULL, 10) : 0;
    dice = seed ? strtoull(seed, NULL, 10) : 0;
}

static uint64_t roll(void) {
    uint64_t z = (dice += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

// The record of a regular file, made at its first write since it was synced.
static struct file *record(int fd, int make) {
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) return NULL;
    for (struct file *f = files; f; f = f->next)
        if (f->dev == st.st_dev && f->ino == st.st_ino) return f;
    if (!make) return NULL;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = open(path, O_RDWR | O_CLOEXEC);
    if (own < 0) abort();
    struct file *f = calloc(1, sizeof *f);
    f->dev = st.st_dev, f->ino = st.st_ino, f->fd = own, f->synced_size = st.st_size;
    f->next = files, files = f;
    return f;
}

static void remember(int fd, off_t from, size_t count) {
    struct file *f = record(fd, 1);
    if (!f || count == 0) return;
    for (uint64_t n = from / PAGE; n <= (from + count - 1) / PAGE; n++) {
        struct page *p = f->pages;
        while (p && p->number != n) p = p->next;
        if (p) continue;
        p = calloc(1, sizeof *p);
        p->number = n;
        ssize_t got = pread(f->fd, p->old, PAGE, n * PAGE);
        p->was_there = got > 0 ? got : 0;
        p->next = f->pages, f->pages = p;
    }
}

static void forget(struct file *f) {
    while (f->pages) {
        struct page *p = f->pages;
        f->pages = p->next;
        free(p);
    }
    struct stat st;
    if (fstat(f->fd, &st) == 0) f->synced_size = st.st_size;
}

static void cut(void) {
    // Thrice in four something of the rest is kept; else everything unsynced goes.
    int keeps = roll() % 4 > 0;
    for (struct file *f = files; f; f = f->next) {
        int is_longer_kept = keeps && roll() % 2;
        for (struct page *p = f->pages; p; p = p->next)
            if (!(keeps && roll() % 2)) real_pwrite(f->fd, p->old, PAGE, p->number * PAGE);
        struct stat st;
        // The old content of a last page is shorter than a page, so the size is put right too.
        if (fstat(f->fd, &st) == 0 && st.st_size > f->synced_size && !is_longer_kept)
            real_ftruncate(f->fd, f->synced_size);
    }
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static void count_call(int fd) {
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && ++calls == cut_at) cut();
}

static off_t place(int fd) {
    if (fcntl(fd, F_GETFL) & O_APPEND) {
        struct stat st;
        return fstat(fd, &st) == 0 ? st.st_size : 0;
    }
    off_t at = lseek(fd, 0, SEEK_CUR);
    return at < 0 ? 0 : at;
}

ssize_t write(int fd, const void *bytes, size_t count) {
    pthread_mutex_lock(&lock);
    count_call(fd);
    remember(fd, place(fd), count);
    ssize_t done = real_write(fd, bytes, count);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t writev(int fd, const struct iovec *parts, int n) {
    size_t count = 0;
    for (int i = 0; i < n; i++) count += parts[i].iov_len;
    pthread_mutex_lock(&lock);
    count_call(fd);
    remember(fd, place(fd), count);
    ssize_t done = real_writev(fd, parts, n);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t at) {
    pthread_mutex_lock(&lock);
    count_call(fd);
    remember(fd, at, count);
    ssize_t done = real_pwrite(fd, bytes, count, at);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    return pwrite64(fd, bytes, count, at);
}

int ftruncate64(int fd, off_t size) {
    pthread_mutex_lock(&lock);
    count_call(fd);
    record(fd, 1);
    int done = real_ftruncate(fd, size);
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

static int sync_by(int (*real)(int), int fd) {
    pthread_mutex_lock(&lock);
    count_call(fd);
    int done = real(fd);
    struct file *f = record(fd, 0);
    if (done == 0 && f) forget(f);
    pthread_mutex_unlock(&lock);
    return done;
}

int fsync(int fd) { return sync_by(real_fsync, fd); }
int fdatasync(int fd) { return sync_by(real_fdatasync, fd); }
