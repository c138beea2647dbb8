/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/clock.h"
#include "client/passlockctl/invocation.h"
#include "client/passlockctl/terminal/report.h"
#include "client/passlockctl/terminal/time-option.h"
#include "client/passlockctl/terminal/timestamp.h"

int time_option_read(const char *option, const char *text, uint64_t *ret_us)
{
        if (!text || timestamp_parse(text, realtime_ms() * 1000, ret_us) == 0)
                return 0;
        report("Failed to parse --%s=%s: not a timestamp; see passlockctl(1)", option, text);
        return EXIT_USAGE;
}
