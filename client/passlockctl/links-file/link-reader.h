/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <passlock.h>

#include "base/macro.h"

/*
 * A file of links (see link-format.h), read line by line, as often as one likes, in little memory.
 * What is wrong is reported, with file and line.
 */
typedef struct LinkReader LinkReader;

/* `path` is "-" for standard input, which is kept in a file without a name while it is read. All
 * here return 0 or more, or a negative errno: -EBADMSG for what is no such file. */
int link_reader_new(const char *path, LinkReader **ret);
LinkReader *link_reader_free(LinkReader *reader);
DEFINE_CLEANUP(LinkReader *, link_reader_free);

/* Goes (back) to the beginning, and reads that. */
int link_reader_start(LinkReader *reader);
/* From there: whose links these are. Lent. */
const char *link_reader_tenancy_id(const LinkReader *reader);

/* Returns 1 with the next link, the caller's, or 0 at the end, which is where it should be. */
int link_reader_next(LinkReader *reader, passlock_link **ret);
/* The number of the line that was read last, and how the file is called. */
uint64_t link_reader_line(const LinkReader *reader);
const char *link_reader_name(const LinkReader *reader);
