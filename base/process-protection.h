/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Protects the secrets of a process. A failure is logged: the process is still useful. */

/* No core dump, and no ptrace by the same user. */
void process_disable_core_dumps(void);
/* No privileges by set-user-ID programs. */
void process_give_up_new_privileges(void);
