/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * api-stand-in
 *
 * An HTTP server that answers Authorize and Exchange with valid replies and no work, on a free port
 * of 127.0.0.1. Each code is another user with another passkey. Prints its port, and runs until the
 * end of standard input.
 */

#include <arpa/inet.h>
#include <err.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/macro.h"

#define CONNECTIONS_MAX 8192U

#define REGISTRATION \
        "{\"_tag\":\"AuthorizedPasskeyRegistration\"," \
        "\"registrationToken\":\"rt_2mV8cQx5nJw7kHs0zLp4Ty6b\",\"expiresAt\":4102444800000}"
#define AUTHENTICATION \
        "{\"_tag\":\"AuthorizedPasskeyAuthentication\"," \
        "\"authenticationToken\":\"at_2mV8cQx5nJw7kHs0zLp4Ty6b\",\"expiresAt\":4102444800000}"
/* The code, three times. */
#define PRINCIPAL \
        "{\"_tag\":\"ExtendedPrincipal\",\"id\":\"pr-%s\",\"userId\":\"user-%s\"," \
        "\"authenticatorId\":\"pk-%s\",\"authenticatorType\":\"passkey\"," \
        "\"passkey\":{\"verified\":true,\"userVerified\":true}," \
        "\"createdAt\":1767225600000,\"expiresAt\":4102444800000,\"metadata\":{}}"
#define NOT_FOUND "{\"_tag\":\"@error/NotFound\",\"message\":\"There is no such object\"}"

static unsigned write_reply(const char *url, char *body, size_t size)
{
        const char *code = strstr(url, "/principal/");
        unsigned status = MHD_HTTP_OK;

        if (code) {
                code += strlen("/principal/");
                snprintf(body, size, PRINCIPAL, code, code, code);
        } else if (strstr(url, "/registration/authorize"))
                snprintf(body, size, REGISTRATION);
        else if (strstr(url, "/authentication/authorize"))
                snprintf(body, size, AUTHENTICATION);
        else {
                snprintf(body, size, NOT_FOUND);
                status = MHD_HTTP_NOT_FOUND;
        }
        return status;
}

static enum MHD_Result on_request(void *cls _unused_, struct MHD_Connection *connection,
                                  const char *url, const char *method _unused_,
                                  const char *version _unused_, const char *upload _unused_,
                                  size_t *upload_len, void **state)
{
        static int begun;
        struct MHD_Response *response;
        enum MHD_Result result;
        char body[1024];
        unsigned status;

        if (!*state) {
                *state = &begun;
                return MHD_YES;
        }
        if (*upload_len > 0) {
                *upload_len = 0;
                return MHD_YES;
        }
        status = write_reply(url, body, sizeof(body));
        response = MHD_create_response_from_buffer(strlen(body), body, MHD_RESPMEM_MUST_COPY);
        MHD_add_response_header(response, "Content-Type", "application/json");
        result = MHD_queue_response(connection, status, response);
        MHD_destroy_response(response);
        return result;
}

int main(void)
{
        const struct sockaddr_in address = {
                .sin_family = AF_INET,
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        };
        const union MHD_DaemonInfo *info;
        struct MHD_Daemon *server;
        struct rlimit files;
        char byte;

        (void) getrlimit(RLIMIT_NOFILE, &files);
        files.rlim_cur = files.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &files);
        server = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, on_request, NULL,
                                  MHD_OPTION_SOCK_ADDR, (const struct sockaddr *) &address,
                                  MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_END);
        if (!server)
                errx(EXIT_FAILURE, "Failed to start the server");
        info = MHD_get_daemon_info(server, MHD_DAEMON_INFO_BIND_PORT);
        printf("%u\n", (unsigned) info->port);
        (void) fflush(stdout);
        while (read(STDIN_FILENO, &byte, 1) > 0)
                ;
        MHD_stop_daemon(server);
        return 0;
}
