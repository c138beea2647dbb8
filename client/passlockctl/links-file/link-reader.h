/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <passlock.h>

#include "base/macro.h"

/*
 * Reader of an export file (see link-format.h), line by line, in constant memory. Reports errors
 * with file and line.
 */
typedef struct LinkReader LinkReader;

/*
 * `path` is "-" for standard input, which is copied to an unlinked temporary file. All functions
 * return 0 or more, or a negative errno: -EBADMSG for an invalid file.
 */
int link_reader_new(const char *path, LinkReader **ret);
LinkReader *link_reader_free(LinkReader *reader);
DEFINE_CLEANUP(LinkReader *, link_reader_free);

/* Rewinds and reads the header. */
int link_reader_start(LinkReader *reader);
/* Tenancy id of the header. Borrowed. */
const char *link_reader_tenancy_id(const LinkReader *reader);

/* Returns 1 with the next link, owned by the caller, or 0 at a valid end of the file. */
int link_reader_next(LinkReader *reader, passlock_link **ret);
/* Line number of the last line read, and name of the file for messages. */
uint64_t link_reader_line(const LinkReader *reader);
const char *link_reader_name(const LinkReader *reader);
