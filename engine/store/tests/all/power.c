// A power cut: loaded before the C library, this remembers what each page of a file held when the
// file was last synced, and what each directory named when that was last synced. At the
// POWER_CUT_AT-th write or sync it takes back some of what was not synced since, chosen by
// POWER_CUT_SEED, and ends the process:
//
// - any subset of the pages of any file, some of them torn: part of the new, the rest of the old;
// - part of the write at which the power goes;
// - growth and truncation of files;
// - the names of a directory since its last sync: what was made, renamed or removed.
//
// What was below POWER_CUT_ROOT at the start counts as synced. POWER_CUT_SHADOW is an empty
// directory on the same file system: what a removed name stood for is kept there.
//
// The POWER_FAIL_AT-th sync of a file fails instead, and from then on its pages look synced: they
// can be read, no later sync writes them, and a power cut takes them. That survives the process
// by POWER_FAIL_FILE, as such pages do in a kernel that goes on.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
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
    int is_lost; // a sync of it failed, and it was not written since
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

struct name {
    char *text;
    ino_t ino;
    int is_dir;
    struct name *next;
};

struct dir {
    char *path;
    struct name *names;
    struct dir *next;
};

static struct file *files;
static struct dir *dirs;
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static uint64_t calls, syncs, cut_at, fail_at, dice;
static const char *root, *shadow, *lost_file;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

static uint64_t roll(void) {
    uint64_t z = (dice += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static char *join(const char *dir, const char *name) {
    char *path = NULL;
    if (asprintf(&path, "%s/%s", dir, name) < 0) abort();
    return path;
}

// Directories.

static struct dir *dir_of(const char *path) {
    for (struct dir *d = dirs; d; d = d->next)
        if (strcmp(d->path, path) == 0) return d;
    return NULL;
}

static struct name *find(struct name *names, const char *text) {
    while (names && strcmp(names->text, text) != 0) names = names->next;
    return names;
}

static struct name *list(const char *path) {
    struct name *names = NULL;
    DIR *open_dir = opendir(path);
    if (!open_dir) return NULL;
    for (struct dirent *entry; (entry = readdir(open_dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        struct stat st;
        if (fstatat(dirfd(open_dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
        struct name *name = calloc(1, sizeof *name);
        name->text = strdup(entry->d_name), name->ino = st.st_ino;
        name->is_dir = S_ISDIR(st.st_mode), name->next = names, names = name;
    }
    closedir(open_dir);
    return names;
}

static void drop_names(struct name *names) {
    while (names) {
        struct name *next = names->next;
        free(names->text), free(names), names = next;
    }
}

static char *kept(ino_t ino) {
    char number[32];
    snprintf(number, sizeof number, "%llu", (unsigned long long)ino);
    return join(shadow, number);
}

// From here on a power cut leaves what the directory names now.
static void note_dir(const char *path) {
    if (!root || strncmp(path, root, strlen(root)) != 0) return;
    struct dir *d = dir_of(path);
    if (!d) {
        d = calloc(1, sizeof *d);
        d->path = strdup(path), d->next = dirs, dirs = d;
    }
    drop_names(d->names);
    d->names = list(path);
    for (struct name *n = d->names; n; n = n->next) {
        if (n->is_dir) continue;
        char *from = join(path, n->text), *to = kept(n->ino);
        // One that another thread has removed meanwhile is not there.
        if (link(from, to) != 0 && errno != EEXIST && errno != ENOENT) abort();
        free(from), free(to);
    }
}

static void note_tree(const char *path) {
    note_dir(path);
    struct dir *d = dir_of(path);
    for (struct name *n = d ? d->names : NULL; n; n = n->next) {
        char *below = join(path, n->text);
        if (n->is_dir) note_tree(below);
        free(below);
    }
}

static void remove_tree(const char *path) {
    struct name *names = list(path);
    for (struct name *n = names; n; n = n->next) {
        char *below = join(path, n->text);
        if (n->is_dir) remove_tree(below);
        else unlink(below);
        free(below);
    }
    drop_names(names);
    rmdir(path);
}

// Puts a directory back to what it named when it was last synced.
static void revert_dir(const char *path) {
    struct dir *d = dir_of(path);
    struct name *synced = d ? d->names : NULL, *now = list(path);
    for (struct name *n = now; n; n = n->next) {
        struct name *old = find(synced, n->text);
        if (old && old->ino == n->ino) continue;
        char *below = join(path, n->text);
        if (n->is_dir) remove_tree(below);
        else unlink(below);
        free(below);
    }
    for (struct name *n = synced; n; n = n->next) {
        struct name *left = find(now, n->text);
        if (left && left->ino == n->ino) continue;
        char *below = join(path, n->text), *from = kept(n->ino);
        if (n->is_dir) {
            mkdir(below, 0700);
            revert_dir(below);
        } else if (link(from, below) != 0) {
            abort();
        }
        free(below), free(from);
    }
    drop_names(now);
}

static void cut_dirs(const char *path, int keeps) {
    if (!(keeps && roll() % 2)) revert_dir(path);
    struct name *names = list(path);
    for (struct name *n = names; n; n = n->next) {
        char *below = join(path, n->text);
        if (n->is_dir) cut_dirs(below, keeps);
        free(below);
    }
    drop_names(names);
}

// Files.

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
        if (p) {
            p->is_lost = 0;
            continue;
        }
        p = calloc(1, sizeof *p);
        p->number = n;
        ssize_t got = pread(f->fd, p->old, PAGE, n * PAGE);
        p->was_there = got > 0 ? got : 0;
        p->next = f->pages, f->pages = p;
    }
}

static void forget(struct file *f) {
    struct page **at = &f->pages;
    while (*at) {
        struct page *p = *at;
        if (p->is_lost) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        free(p);
    }
    struct stat st;
    if (fstat(f->fd, &st) == 0) f->synced_size = st.st_size;
}

static void cut_file(struct file *f, int keeps) {
    int is_size_kept = keeps && roll() % 2;
    for (struct page *p = f->pages; p; p = p->next) {
        off_t at = p->number * PAGE;
        if (p->is_lost || !keeps || roll() % 2) {
            real_pwrite(f->fd, p->old, PAGE, at);
        } else if (roll() % 4 == 0) {
            // Torn: what lies before or behind some byte is old.
            size_t byte = roll() % PAGE;
            if (roll() % 2) real_pwrite(f->fd, p->old, byte, at);
            else real_pwrite(f->fd, p->old + byte, PAGE - byte, at + byte);
        }
    }
    struct stat st;
    if (fstat(f->fd, &st) != 0) return;
    // The old content of a last page is shorter than a page, so the size is put right too; and a
    // file that was cut is as long again as it was.
    if (st.st_size != f->synced_size && !is_size_kept) real_ftruncate(f->fd, f->synced_size);
}

static void cut(void) {
    // Thrice in four something of the rest is kept; else everything unsynced goes.
    int keeps = roll() % 4 > 0;
    for (struct file *f = files; f; f = f->next) cut_file(f, keeps);
    if (root) cut_dirs(root, keeps);
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static int is_cut_here(int fd) {
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && ++calls == cut_at;
}

static void save_lost(void) {
    FILE *out = fopen(lost_file, "w");
    for (struct file *f = files; out && f; f = f->next) {
        char link_path[64], path[1024];
        snprintf(link_path, sizeof link_path, "/proc/self/fd/%d", f->fd);
        ssize_t length = readlink(link_path, path, sizeof path - 1);
        if (length <= 0) continue;
        path[length] = 0;
        for (struct page *p = f->pages; p; p = p->next) {
            if (!p->is_lost) continue;
            fprintf(out, "%s\n%lld %llu %d\n", path, (long long)f->synced_size,
                    (unsigned long long)p->number, p->was_there);
            fwrite(p->old, PAGE, 1, out);
        }
    }
    if (out) fclose(out);
}

static void load_lost(void) {
    FILE *in = fopen(lost_file, "r");
    char path[1024];
    while (in && fgets(path, sizeof path, in)) {
        path[strcspn(path, "\n")] = 0;
        long long size;
        unsigned long long number;
        struct page *p = calloc(1, sizeof *p);
        if (fscanf(in, "%lld %llu %d", &size, &number, &p->was_there) != 3) abort();
        fgetc(in);
        if (fread(p->old, PAGE, 1, in) != 1) abort();
        p->number = number, p->is_lost = 1;
        int fd = open(path, O_RDWR | O_CLOEXEC);
        struct file *f = fd < 0 ? NULL : record(fd, 1);
        if (!f) continue;
        f->synced_size = size;
        p->next = f->pages, f->pages = p;
    }
    if (in) fclose(in);
}

__attribute__((constructor)) static void start(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    real_writev = dlsym(RTLD_NEXT, "writev");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    const char *at = getenv("POWER_CUT_AT"), *seed = getenv("POWER_CUT_SEED");
    const char *fail = getenv("POWER_FAIL_AT");
    cut_at = at ? strtoull(at, NULL, 10) : 0;
    fail_at = fail ? strtoull(fail, NULL, 10) : 0;
    dice = seed ? strtoull(seed, NULL, 10) : 0;
    root = getenv("POWER_CUT_ROOT"), shadow = getenv("POWER_CUT_SHADOW");
    lost_file = getenv("POWER_FAIL_FILE");
    if (root) note_tree(root);
    if (lost_file) load_lost();
}

__attribute__((destructor)) static void end(void) {
    if (lost_file) save_lost();
}

// What the program calls.

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
    int is_cut = is_cut_here(fd);
    remember(fd, place(fd), count);
    ssize_t done = real_write(fd, bytes, is_cut ? roll() % (count + 1) : count);
    if (is_cut) cut();
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t writev(int fd, const struct iovec *parts, int n) {
    size_t count = 0;
    for (int i = 0; i < n; i++) count += parts[i].iov_len;
    pthread_mutex_lock(&lock);
    int is_cut = is_cut_here(fd);
    remember(fd, place(fd), count);
    ssize_t done = real_writev(fd, parts, is_cut ? (int)(roll() % (n + 1)) : n);
    if (is_cut) cut();
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t at) {
    pthread_mutex_lock(&lock);
    int is_cut = is_cut_here(fd);
    remember(fd, at, count);
    ssize_t done = real_pwrite(fd, bytes, is_cut ? roll() % (count + 1) : count, at);
    if (is_cut) cut();
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    return pwrite64(fd, bytes, count, at);
}

int ftruncate64(int fd, off_t size) {
    pthread_mutex_lock(&lock);
    if (is_cut_here(fd)) cut();
    struct stat st;
    struct file *f = record(fd, 1);
    // What was never written comes back by itself with the length.
    off_t data = f && fstat(fd, &st) == 0 ? lseek(f->fd, size, SEEK_DATA) : -1;
    while (data >= 0 && data < st.st_size) {
        off_t hole = lseek(f->fd, data, SEEK_HOLE);
        remember(fd, data, hole - data);
        data = lseek(f->fd, hole, SEEK_DATA);
    }
    int done = real_ftruncate(fd, size);
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

static int fail_sync(struct file *f) {
    for (struct page *p = f->pages; p; p = p->next) p->is_lost = 1;
    errno = EIO;
    return -1;
}

static int sync_by(int (*real)(int), int fd) {
    pthread_mutex_lock(&lock);
    if (is_cut_here(fd)) cut();
    struct file *f = record(fd, 0);
    int done;
    if (f && ++syncs == fail_at) {
        done = fail_sync(f);
    } else {
        done = real(fd);
        if (done == 0 && f) forget(f);
    }
    struct stat st;
    if (done == 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        char link_path[64], path[1024];
        snprintf(link_path, sizeof link_path, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link_path, path, sizeof path - 1);
        if (length > 0) {
            path[length] = 0;
            note_dir(path);
        }
    }
    pthread_mutex_unlock(&lock);
    return done;
}

int fsync(int fd) { return sync_by(real_fsync, fd); }
int fdatasync(int fd) { return sync_by(real_fdatasync, fd); }
