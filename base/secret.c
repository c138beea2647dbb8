/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/secret.h"

struct Secret {
        size_t n_mapped;
        size_t len;
        unsigned n_ref;
        char text[];
};

static Secret *secret_destroy(Secret *secret)
{
        size_t n_mapped = secret->n_mapped;

        explicit_bzero(secret, n_mapped);
        munmap(secret, n_mapped);
        return NULL;
}
DEFINE_CLEANUP(Secret *, secret_destroy);

/* Allocates an empty secret for `capacity` bytes and a NUL. */
static int secret_allocate(size_t capacity, Secret **ret)
{
        size_t page = (size_t) sysconf(_SC_PAGESIZE);
        size_t n_mapped = (sizeof(Secret) + capacity + 1 + page - 1) / page * page;
        Secret *secret;

        secret = mmap(NULL, n_mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (secret == MAP_FAILED)
                return -ENOMEM;

        /* RLIMIT_MEMLOCK may forbid mlock(): continue with swappable memory. */
        if (mlock(secret, n_mapped) < 0)
                log_debug("Failed to lock a secret in memory: %s", strerror(errno));
        (void) madvise(secret, n_mapped, MADV_DONTDUMP);
        (void) madvise(secret, n_mapped, MADV_WIPEONFORK);

        secret->n_mapped = n_mapped;
        secret->n_ref = 1;
        *ret = secret;
        return 0;
}

static int secret_seal(Secret *secret, size_t len)
{
        if (len == 0 || memchr(secret->text, '\0', len))
                return -EINVAL;
        secret->len = len;
        secret->text[len] = '\0';
        return 0;
}

int secret_new(const char *bytes, size_t len, Secret **ret)
{
        _cleanup_(secret_destroyp) Secret *secret = NULL;
        int r;

        if (len > SECRET_LEN_MAX)
                return -E2BIG;
        r = secret_allocate(len, &secret);
        if (r < 0)
                return r;
        memcpy(secret->text, bytes, len);
        r = secret_seal(secret, len);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(secret);
        return 0;
}

static const char *encoding_flaw(const char *bytes, size_t len)
{
        if (len >= 2 && (memcmp(bytes, "\xff\xfe", 2) == 0 || memcmp(bytes, "\xfe\xff", 2) == 0))
                return "is UTF-16 instead of ASCII";
        if (len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
                return "begins with a byte order mark";
        if (memchr(bytes, '\0', len))
                return "contains a NUL byte, as UTF-16 text does";
        return NULL;
}

const char *secret_key_flaw(const char *bytes, size_t len)
{
        const char *flaw = len == 0 ? "is empty" : encoding_flaw(bytes, len);

        if (!flaw && len > SECRET_LEN_MAX)
                flaw = "exceeds the maximum length of a key";
        if (!flaw && memchr(bytes, '\n', len))
                flaw = "has more than one line";
        for (size_t i = 0; !flaw && i < len; i++) {
                unsigned char c = (unsigned char) bytes[i];

                if (c == ' ' || c == '\t')
                        flaw = "contains white space";
                else if (c < ' ' || c == 0x7f)
                        flaw = "contains a control character";
                else if (c > '~')
                        flaw = "contains a non-ASCII character";
        }
        return flaw;
}

/* Reads up to `size` bytes. Returns 0 or a negative errno. */
static int read_all(int fd, char *bytes, size_t size, size_t *ret_len)
{
        size_t len = 0;

        while (len < size) {
                ssize_t n = read(fd, bytes + len, size - len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return log_errno_origin(-errno);
                if (n == 0)
                        break;
                len += (size_t) n;
        }
        *ret_len = len;
        return 0;
}

static size_t strip_line_end(const char *bytes, size_t len)
{
        if (len == 0 || bytes[len - 1] != '\n')
                return len;
        len--;
        return len > 0 && bytes[len - 1] == '\r' ? len - 1 : len;
}

/* Reads a file without its last line end; a longer one only up to more than `len_max` bytes. */
static int read_at(int dir_fd, const char *name, size_t len_max, size_t *ret_len, Secret **ret)
{
        /* CR, LF and one more byte. */
        const size_t size = len_max + 3;
        _cleanup_(secret_destroyp) Secret *secret = NULL;
        _cleanup_(closep) int fd = -1;
        size_t len = 0;
        int r;

        fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return log_errno_origin(-errno);
        r = secret_allocate(size, &secret);
        if (r >= 0)
                r = read_all(fd, secret->text, size, &len);
        if (r < 0)
                return r;
        *ret_len = strip_line_end(secret->text, len);
        *ret = TAKE_PTR(secret);
        return 0;
}

static const char *text_flaw(const char *bytes, size_t len, size_t len_max)
{
        if (len > len_max)
                return "is too long";
        return len == 0 ? "is empty" : encoding_flaw(bytes, len);
}

static int read_text_at(int dir_fd, const char *name, bool is_key, size_t len_max,
                        const char **ret_flaw, Secret **ret)
{
        _cleanup_(secret_destroyp) Secret *secret = NULL;
        const char *flaw;
        size_t len = 0;
        int r;

        r = read_at(dir_fd, name, len_max, &len, &secret);
        if (r < 0)
                return r;
        flaw = is_key ? secret_key_flaw(secret->text, len) : text_flaw(secret->text, len, len_max);
        if (flaw) {
                *ret_flaw = flaw;
                return -EINVAL;
        }
        r = secret_seal(secret, len);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(secret);
        return 0;
}

int secret_read_key_at(int dir_fd, const char *name, const char **ret_flaw, Secret **ret)
{
        return read_text_at(dir_fd, name, true, SECRET_LEN_MAX, ret_flaw, ret);
}

int secret_read_at(int dir_fd, const char *name, const char **ret_flaw, Secret **ret)
{
        return read_text_at(dir_fd, name, false, SECRET_FILE_LEN_MAX, ret_flaw, ret);
}

Secret *secret_ref(Secret *secret)
{
        if (secret) {
                assert(secret->n_ref > 0);
                secret->n_ref++;
        }
        return secret;
}

Secret *secret_unref(Secret *secret)
{
        if (!secret)
                return NULL;
        assert(secret->n_ref > 0);
        if (--secret->n_ref == 0)
                secret_destroy(secret);
        return NULL;
}

const char *secret_reveal(const Secret *secret)
{
        return secret->text;
}

size_t secret_len(const Secret *secret)
{
        return secret->len;
}

bool secret_equal(const Secret *a, const Secret *b)
{
        volatile unsigned char difference = 0;

        if (!a || !b || a->len != b->len)
                return false;
        for (size_t i = 0; i < a->len; i++)
                difference |= (unsigned char) (a->text[i] ^ b->text[i]);
        return difference == 0;
}
