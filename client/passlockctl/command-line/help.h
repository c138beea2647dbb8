/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Prints the output of --help. */
void help_print(void);
