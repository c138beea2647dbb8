/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "base/strv.h"
#include "base/text.h"
#include "keyholder/credential-loader.h"
#include "keyholder/store-calls.h"
#include "keyholder/store-proxy.h"

typedef enum StoreCredentialId {
        STORE_KEY,
        STORE_LOGIN,
        STORE_CREDENTIALS,
} StoreCredentialId;

typedef struct StoreCredential {
        char *name; /* NULL: not configured */
        Secret *secret;
        CredentialFault fault;
        char *text; /* describes the fault; NULL without one */
} StoreCredential;

/* The settings of the endpoints. */
typedef struct StoreSetup {
        char **urls;
        char *ca_file, *cert_file;
        Secret *secrets[STORE_CREDENTIALS];
} StoreSetup;

struct StoreProxy {
        sd_event *event;
        Channel *channel;
        void (*ended)(void *userdata);
        void *userdata;
        CredentialLoader *loader;
        StoreCalls *calls;
        StoreCredential credentials[STORE_CREDENTIALS];
        StoreSetup setup;
        StoreEndpoint *endpoints[STORE_ENDPOINTS_MAX];
        unsigned n_endpoints;
        uint64_t serial;
        bool is_stopping;
};

static const char *const labels[] = {[STORE_KEY] = "key", [STORE_LOGIN] = "login"};

/* Endpoints */

static bool lacks_credential(const StoreProxy *proxy)
{
        for (size_t i = 0; i < STORE_CREDENTIALS; i++)
                if (proxy->credentials[i].name && !proxy->credentials[i].secret)
                        return true;
        return false;
}

static int find_endpoint(unsigned index, void *userdata, StoreEndpoint **ret)
{
        const StoreProxy *proxy = userdata;

        if (index >= proxy->n_endpoints)
                return -ESTALE;
        if (proxy->is_stopping)
                return -ESHUTDOWN;
        if (lacks_credential(proxy))
                return -ENOKEY;
        *ret = proxy->endpoints[index];
        return 0;
}

static void setup_clear(StoreSetup *setup)
{
        strv_free(setup->urls);
        free(setup->ca_file);
        free(setup->cert_file);
        for (size_t i = 0; i < STORE_CREDENTIALS; i++)
                secret_unref(setup->secrets[i]);
        *setup = (StoreSetup){};
}

static bool urls_equal(char *const *a, char *const *b)
{
        size_t n = strv_len(a);

        if (n != strv_len(b))
                return false;
        for (size_t i = 0; i < n; i++)
                if (!streq(a[i], b[i]))
                        return false;
        return true;
}

static bool setup_equal(const StoreSetup *a, const StoreSetup *b)
{
        for (size_t i = 0; i < STORE_CREDENTIALS; i++)
                if ((a->secrets[i] || b->secrets[i]) && !secret_equal(a->secrets[i], b->secrets[i]))
                        return false;
        return urls_equal(a->urls, b->urls) && streq_ptr(a->ca_file, b->ca_file) &&
               streq_ptr(a->cert_file, b->cert_file);
}

static int setup_copy(const StoreConfig *config, StoreSetup *setup)
{
        int r;

        if (config->engine == STORE_ENGINE_LOCAL)
                return 0;
        r = strv_copy(config->endpoints, &setup->urls);
        if (r < 0)
                return r;
        setup->ca_file = config->ca_file ? strdup(config->ca_file) : NULL;
        setup->cert_file = config->cert_file ? strdup(config->cert_file) : NULL;
        return (config->ca_file && !setup->ca_file) || (config->cert_file && !setup->cert_file)
                       ? -ENOMEM
                       : 0;
}

static void drop_endpoints(StoreEndpoint **endpoints, unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                endpoints[i] = store_endpoint_unref(endpoints[i]);
}

/* Without its key, a certificate is not used: requests fail earlier. */
static int make_endpoints(const StoreProxy *proxy, const StoreSetup *setup,
                          StoreEndpoint **ret_endpoints)
{
        const StoreSettings settings = {.ca_file = setup->ca_file,
                                        .cert_file =
                                                setup->secrets[STORE_KEY] ? setup->cert_file : NULL,
                                        .key = setup->secrets[STORE_KEY],
                                        .login = setup->secrets[STORE_LOGIN]};
        unsigned n = (unsigned) strv_len(setup->urls);
        int r = 0;

        for (unsigned i = 0; i < n; i++) {
                r = store_endpoint_new(proxy->event, setup->urls[i], &settings, &ret_endpoints[i]);
                if (r < 0) {
                        drop_endpoints(ret_endpoints, i);
                        return r;
                }
        }
        return 0;
}

/* Replaces the endpoints, unless nothing has changed. Takes the contents of `setup`, also on
 * failure. Requests in flight keep theirs; streams end. */
static int apply(StoreProxy *proxy, StoreSetup *setup)
{
        StoreEndpoint *endpoints[STORE_ENDPOINTS_MAX] = {};
        int r;

        for (size_t i = 0; i < STORE_CREDENTIALS; i++)
                setup->secrets[i] = secret_ref(proxy->credentials[i].secret);
        if (proxy->serial > 0 && setup_equal(&proxy->setup, setup)) {
                setup_clear(setup);
                return 0;
        }
        r = make_endpoints(proxy, setup, endpoints);
        if (r < 0) {
                setup_clear(setup);
                return r;
        }
        drop_endpoints(proxy->endpoints, proxy->n_endpoints);
        memcpy(proxy->endpoints, endpoints, sizeof(endpoints));
        proxy->n_endpoints = (unsigned) strv_len(setup->urls);
        setup_clear(&proxy->setup);
        proxy->setup = TAKE(*setup, (StoreSetup){});
        proxy->serial++;
        store_calls_end_streams(proxy->calls);
        return 0;
}

/* Credentials */

static void credential_clear(StoreCredential *credential)
{
        free(credential->name);
        secret_unref(credential->secret);
        free(credential->text);
        *credential = (StoreCredential){};
}

static void set_secret(StoreCredential *credential, Secret *secret, const CredentialRead *read)
{
        secret_unref(credential->secret);
        credential->secret = secret_ref(secret);
        credential->fault = read->fault;
        if (read->text && !streq_ptr(credential->text, read->text))
                log_warning("Failed to load a credential of [Store]: %s; requests to etcd fail",
                            read->text);
        free(credential->text);
        credential->text = read->text ? strdup(read->text) : NULL;
}

static uint32_t protocol_fault(CredentialFault fault)
{
        static const ProtocolFault faults[] = {
                [CREDENTIAL_FINE] = PROTOCOL_FAULT_NONE,
                [CREDENTIAL_MISSING] = PROTOCOL_FAULT_MISSING,
                [CREDENTIAL_UNUSABLE] = PROTOCOL_FAULT_UNUSABLE,
                [CREDENTIAL_UNREADABLE] = PROTOCOL_FAULT_UNREADABLE,
        };

        return faults[fault];
}

static const StoreCredential *find_fault(const StoreProxy *proxy)
{
        for (size_t i = 0; i < STORE_CREDENTIALS; i++)
                if (proxy->credentials[i].fault != CREDENTIAL_FINE)
                        return &proxy->credentials[i];
        return NULL;
}

static int send_state(const StoreProxy *proxy)
{
        const StoreCredential *faulty = find_fault(proxy);
        ProtocolMessage message = {
                .type = PROTOCOL_STORE_STATE,
                .store_state = {.serial = proxy->serial, .n_endpoints = proxy->n_endpoints},
        };

        if (faulty) {
                const char *text = faulty->text ?: "out of memory";

                message.store_state.fault = protocol_fault(faulty->fault);
                message.texts[0] =
                        (ProtocolText){.text = text, .len = text_cut(text, PROTOCOL_EXPLAIN_MAX)};
        }
        return channel_send(proxy->channel, &message);
}

static int load_credential(StoreProxy *proxy, StoreCredentialId id, const char *name)
{
        static const CredentialKind kinds[] = {
                [STORE_KEY] = CREDENTIAL_PRIVATE_KEY, [STORE_LOGIN] = CREDENTIAL_LOGIN};
        StoreCredential *credential = &proxy->credentials[id];
        _cleanup_(secret_unrefp) Secret *secret = NULL;
        CredentialRead read = {};
        int r;

        if (!name) {
                credential_loader_forget(proxy->loader, labels[id]);
                credential_clear(credential);
                return 0;
        }
        r = credential_loader_load(proxy->loader, labels[id], name, kinds[id], &read, &secret);
        if (r < 0)
                return r;
        /* If the credential cannot be read, keep the old one. */
        if (read.fault == CREDENTIAL_UNREADABLE && streq_ptr(credential->name, name))
                secret = secret_ref(credential->secret);
        set_secret(credential, secret, &read);
        free(credential->name);
        credential->name = strdup(name);
        return credential->name ? 0 : -ENOMEM;
}

/* A change of the files may apply to the endpoints that there are. */
static int reapply(StoreProxy *proxy)
{
        StoreSetup setup = {};
        int r;

        r = setup_copy(
                &(StoreConfig){.engine = proxy->setup.urls ? STORE_ENGINE_ETCD : STORE_ENGINE_LOCAL,
                               .endpoints = proxy->setup.urls,
                               .ca_file = proxy->setup.ca_file,
                               .cert_file = proxy->setup.cert_file},
                &setup);
        if (r < 0) {
                setup_clear(&setup);
                return r;
        }
        return apply(proxy, &setup);
}

/* `secret` NULL: the fault of the credential has changed. */
static void on_found(const char *label, Secret *secret, const CredentialRead *read, void *userdata)
{
        StoreProxy *proxy = userdata;
        StoreCredential *credential =
                &proxy->credentials[streq(label, labels[STORE_KEY]) ? STORE_KEY : STORE_LOGIN];
        int r;

        set_secret(credential,
                   !secret && read->fault == CREDENTIAL_UNREADABLE ? credential->secret : secret,
                   read);
        r = reapply(proxy);
        if (r == 0)
                r = send_state(proxy);
        if (r < 0)
                log_error("Failed to set the credentials of [Store]: %s", strerror(-r));
}

int store_proxy_load(StoreProxy *proxy, const StoreConfig *config)
{
        bool is_etcd = config->engine == STORE_ENGINE_ETCD;
        StoreSetup setup = {};
        int r;

        r = load_credential(proxy, STORE_KEY, is_etcd ? config->key_credential : NULL);
        if (r == 0)
                r = load_credential(proxy, STORE_LOGIN,
                                    is_etcd ? config->password_credential : NULL);
        if (r == 0)
                r = setup_copy(config, &setup);
        if (r < 0) {
                setup_clear(&setup);
                return r;
        }
        r = apply(proxy, &setup);
        return r < 0 ? r : send_state(proxy);
}

int store_proxy_receive(StoreProxy *proxy, const ProtocolMessage *message)
{
        return store_calls_receive(proxy->calls, message);
}

void store_proxy_continue(StoreProxy *proxy)
{
        store_calls_continue(proxy->calls);
}

void store_proxy_stop(StoreProxy *proxy)
{
        proxy->is_stopping = true;
        store_calls_end_streams(proxy->calls);
}

unsigned store_proxy_count_calls(const StoreProxy *proxy)
{
        return store_calls_count(proxy->calls);
}

static void on_call_ended(void *userdata)
{
        const StoreProxy *proxy = userdata;

        proxy->ended(proxy->userdata);
}

int store_proxy_new(sd_event *event, Channel *channel, void (*ended)(void *userdata),
                    void *userdata, StoreProxy **ret)
{
        _cleanup_(store_proxy_freep) StoreProxy *proxy = calloc(1, sizeof(StoreProxy));
        const StoreCallsOwner owner = {
                .find = find_endpoint, .ended = on_call_ended, .userdata = proxy};
        int r;

        if (!proxy)
                return -ENOMEM;
        proxy->event = sd_event_ref(event);
        proxy->channel = channel;
        proxy->ended = ended;
        proxy->userdata = userdata;
        r = credential_loader_new(event, on_found, proxy, &proxy->loader);
        if (r == 0)
                r = store_calls_new(channel, &owner, &proxy->calls);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(proxy);
        return 0;
}

StoreProxy *store_proxy_free(StoreProxy *proxy)
{
        if (!proxy)
                return NULL;
        store_calls_free(proxy->calls);
        drop_endpoints(proxy->endpoints, proxy->n_endpoints);
        credential_loader_free(proxy->loader);
        for (size_t i = 0; i < STORE_CREDENTIALS; i++)
                credential_clear(&proxy->credentials[i]);
        setup_clear(&proxy->setup);
        sd_event_unref(proxy->event);
        free(proxy);
        return NULL;
}
