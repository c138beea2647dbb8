/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include "base/log.h"
#include "keyholder/http/http-resource-shortage.h"

/* For name resolution, trust anchors and happy eyeballs. */
#define DESCRIPTORS_NEEDED 12U

int http_resource_shortage_from_errno(int r)
{
        switch (r) {
        case -ENOMEM:
        case -EMFILE:
        case -ENFILE:
        case -ENOBUFS:
                return r;
        case -ENOSPC: /* epoll: too many watches */
        case -EAGAIN: /* pthread_create(): too many threads */
                return -ENOBUFS;
        default:
                return 0;
        }
}

static int probe_descriptors(void)
{
        int fds[DESCRIPTORS_NEEDED], r = 0;
        size_t n = 0;

        while (r == 0 && n < DESCRIPTORS_NEEDED) {
                fds[n] = eventfd(0, EFD_CLOEXEC);
                if (fds[n] < 0)
                        r = log_errno_origin(-errno);
                else
                        n++;
        }
        while (n > 0)
                close(fds[--n]);
        return http_resource_shortage_from_errno(r);
}

static void *do_nothing(void *userdata)
{
        return userdata;
}

static int probe_thread(void)
{
        pthread_attr_t attributes;
        pthread_t thread;
        int r;

        r = pthread_attr_init(&attributes);
        if (r == 0)
                r = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        if (r == 0)
                r = pthread_create(&thread, &attributes, do_nothing, NULL);
        (void) pthread_attr_destroy(&attributes);
        return http_resource_shortage_from_errno(-r);
}

int http_resource_shortage_probe(void)
{
        int r = probe_descriptors();

        return r < 0 ? r : probe_thread();
}
