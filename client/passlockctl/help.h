/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Prints what --help prints. */
void help_print(void);
