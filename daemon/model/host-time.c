/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>

#include "base/clock.h"
#include "daemon/model/host-time.h"

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return -1;
}

/* 32 hexadecimal digits, optionally with dashes. */
static bool parse_boot_id(const char *text, uint8_t ret[static BOOT_ID_LEN])
{
        size_t n = 0;

        for (; *text && *text != '\n'; text++) {
                int digit = hex_digit(*text);

                if (*text == '-')
                        continue;
                if (digit < 0 || n >= 2 * BOOT_ID_LEN)
                        return false;
                ret[n / 2] = (uint8_t) (n % 2 ? ret[n / 2] | digit : digit << 4);
                n++;
        }
        return n == 2 * BOOT_ID_LEN;
}

static bool read_boot_id(uint8_t ret[static BOOT_ID_LEN])
{
        _cleanup_(closep) int fd = -1;
        char text[64];
        ssize_t n;

        fd = open(BOOT_ID_FILE, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        n = read(fd, text, sizeof(text) - 1);
        if (n <= 0)
                return false;
        text[n] = '\0';
        return parse_boot_id(text, ret);
}

/* The unit's sandbox may hide /proc; then the unit sets $BOOT_ID. */
static const uint8_t *boot_id(void)
{
        static uint8_t id[BOOT_ID_LEN];
        static bool known = false;
        const char *given = getenv("BOOT_ID");

        if (!known && !(given && parse_boot_id(given, id)) && !read_boot_id(id))
                memset(id, 0, sizeof(id));
        known = true;
        return id;
}

void host_time_now(HostTime *ret)
{
        memcpy(ret->boot_id, boot_id(), BOOT_ID_LEN);
        ret->boottime_ms = boottime_ms();
        ret->realtime_ms = realtime_ms();
}

static bool is_same_boot(const HostTime *a, const HostTime *b)
{
        static const uint8_t unknown[BOOT_ID_LEN];

        return memcmp(a->boot_id, b->boot_id, BOOT_ID_LEN) == 0 &&
               memcmp(a->boot_id, unknown, BOOT_ID_LEN) != 0;
}

void host_time_since(const HostTime *then, const HostTime *now, uint64_t *ret_min_ms,
                     uint64_t *ret_max_ms)
{
        uint64_t by_clock =
                now->realtime_ms > then->realtime_ms ? now->realtime_ms - then->realtime_ms : 0;

        if (is_same_boot(then, now) && now->boottime_ms >= then->boottime_ms) {
                *ret_min_ms = *ret_max_ms = now->boottime_ms - then->boottime_ms;
        } else if (by_clock >= now->boottime_ms) {
                *ret_min_ms = *ret_max_ms = by_clock;
        } else {
                /* The wall clock was set back, or the boot id is unknown. */
                *ret_min_ms = by_clock;
                *ret_max_ms = UINT64_MAX;
        }
}
