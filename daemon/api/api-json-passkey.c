/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/strv.h"
#include "base/wiping-allocator.h"
#include "daemon/api/api-json-internal.h"
#include "daemon/json/json-text.h"
#include "daemon/model/valid.h"

#define LIST_ROWS_MAX  10000U
#define TRANSPORTS_MAX 32U
#define NAME_LEN_MAX   256U

/* Times below this are seconds, as in some of the API's samples; as milliseconds, it is March
 * 1973. */
#define SECONDS_END UINT64_C(100000000000)

static DEFINE_TEXT_RULE(credential_id_is_valid, 2048);
static DEFINE_TEXT_RULE(user_handle_is_valid, 512);
static DEFINE_TEXT_RULE(aaguid_is_valid, 256);
static DEFINE_TEXT_RULE(public_key_is_valid, 8192);
static DEFINE_TEXT_RULE(icon_is_valid, 8192);

static bool device_type_is_valid(const char *s)
{
        return streq(s, "singleDevice") || streq(s, "multiDevice");
}

static DEFINE_TEXT_RULE(cursor_is_valid, 4096);

static int read_passkey_time(const json_t *object, const char *key, uint64_t *ret)
{
        uint64_t time;
        int r;

        r = json_read_number(object, key, &time);
        if (r != 0)
                return r;
        *ret = time < SECONDS_END ? time * 1000 : time;
        return 0;
}

static int read_optional_time(const json_t *object, const char *key, uint64_t *ret)
{
        const json_t *value = json_object_get(object, key);

        return !value || json_is_null(value) ? 0 : read_passkey_time(object, key, ret);
}

/* Browsers report the transports: skip an invalid one. */
static int read_transports(const json_t *transports, Passkey *passkey)
{
        const json_t *transport;
        size_t i, n = 0;
        int r;

        if (!json_is_array(transports))
                return ERROR_MALFORMED_REPLY;
        json_array_foreach(transports, i, transport) {
                const char *name = json_string_value(transport);

                if (!text_is_valid(name, 64) || n == TRANSPORTS_MAX)
                        continue;
                r = strv_push(&passkey->transports, name);
                if (r < 0)
                        return r;
                n++;
        }
        return 0;
}

/* Reads the fields that rows and single passkeys have in common, without the user. */
static int read_summary(const json_t *root, Passkey *passkey)
{
        const json_t *credential = json_object_get(root, "credential");
        int r;

        r = json_read_text(root, "id", id_is_valid, &passkey->id);
        if (r == 0)
                r = json_read_bool(root, "enabled", &passkey->enabled);
        if (r == 0)
                r = json_read_text(credential, "id", credential_id_is_valid,
                                   &passkey->credential_id);
        if (r == 0)
                r = json_read_text(credential, "userId", user_handle_is_valid,
                                   &passkey->credential_user_id);
        if (r == 0)
                r = read_passkey_time(root, "createdAt", &passkey->created_at_ms);
        if (r == 0)
                r = read_optional_time(root, "lastUsed", &passkey->last_used_at_ms);
        return r;
}

static int read_credential(const json_t *credential, Passkey *passkey)
{
        int r;

        r = json_read_label(credential, "username", NAME_LEN_MAX, &passkey->username);
        if (r == 0)
                r = json_read_text(credential, "aaguid", aaguid_is_valid, &passkey->aaguid);
        if (r == 0)
                r = json_read_bool(credential, "backedUp", &passkey->backed_up);
        if (r == 0)
                r = json_read_number(credential, "counter", &passkey->counter);
        if (r == 0)
                r = json_read_text(credential, "deviceType", device_type_is_valid,
                                   &passkey->device_type);
        if (r == 0)
                r = read_transports(json_object_get(credential, "transports"), passkey);
        if (r == 0)
                r = json_read_text(credential, "publicKey", public_key_is_valid,
                                   &passkey->public_key);
        if (r == 0)
                r = json_read_text(credential, "rpId", rp_id_is_valid, &passkey->rp_id);
        return r;
}

static int read_platform(const json_t *platform, Passkey *passkey)
{
        int r;

        r = json_read_label(platform, "name", NAME_LEN_MAX, &passkey->platform_name);
        if (r == 0)
                r = json_read_hint(platform, "icon", icon_is_valid, &passkey->platform_icon);
        return r;
}

int api_json_read_passkey(const char *body, size_t body_len, Passkey **ret)
{
        _cleanup_(passkey_freep) Passkey *passkey = NULL;
        json_auto_t *root = NULL;
        int r;

        r = api_json_read_tagged(body, body_len, "Passkey", &root);
        if (r != 0)
                return r;
        passkey = passkey_new();
        if (!passkey)
                return -ENOMEM;
        r = read_summary(root, passkey);
        if (r == 0)
                r = json_read_optional_text(root, "userId", user_id_is_valid, &passkey->user_id);
        if (r == 0)
                r = read_credential(json_object_get(root, "credential"), passkey);
        if (r == 0)
                r = read_platform(json_object_get(root, "platform"), passkey);
        if (r == 0)
                r = read_passkey_time(root, "updatedAt", &passkey->updated_at_ms);
        if (r != 0)
                return r;

        *ret = TAKE_PTR(passkey);
        return 0;
}

static int read_row(const json_t *row, Passkey **ret)
{
        _cleanup_(passkey_freep) Passkey *passkey = NULL;
        int r;

        if (!api_json_has_tag(row, "PasskeySummary"))
                return ERROR_MALFORMED_REPLY;
        passkey = passkey_new();
        if (!passkey)
                return -ENOMEM;
        r = read_summary(row, passkey);
        if (r == 0)
                r = json_read_text(row, "userId", user_id_is_valid, &passkey->user_id);
        if (r != 0)
                return r;

        *ret = TAKE_PTR(passkey);
        return 0;
}

/* Counts an unreadable row, and keeps its id if that is readable. */
static int count_unreadable(const json_t *row, PasskeyList *list)
{
        const char *id = json_string_value(json_object_get(row, "id"));

        list->n_unreadable++;
        return id_is_valid(id) ? strv_push(&list->unreadable_ids, id) : 0;
}

static int read_rows(const json_t *rows, PasskeyList *list)
{
        const json_t *row;
        size_t i;
        int r;

        if (!json_is_array(rows) || json_array_size(rows) > LIST_ROWS_MAX)
                return ERROR_MALFORMED_REPLY;
        json_array_foreach(rows, i, row) {
                Passkey *passkey;

                r = read_row(row, &passkey);
                if (r == 0)
                        r = passkey_list_push(list, passkey);
                else if (r > 0)
                        r = count_unreadable(row, list);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Replaces invalid rows by 0, so that they do not invalidate the page: rows that are not JSON,
 * repeat a name, or are nested too deeply. They count as unreadable. */
static int mend_rows(char *page, size_t page_len)
{
        JsonText rows, row;
        size_t pos = 0;

        if (!json_text_member((JsonText){.s = page, .len = page_len}, "records", &rows))
                return ERROR_MALFORMED_REPLY;
        while (json_text_element(rows, &pos, &row)) {
                json_auto_t *parsed = NULL;
                int r = json_read_reply(row.s, row.len, &parsed);

                if (r < 0)
                        return r;
                if (r > 0) {
                        memset(page + (row.s - page), ' ', row.len);
                        page[row.s - page] = '0';
                }
        }
        return 0;
}

static int read_page(const char *body, size_t body_len, json_t **ret)
{
        _cleanup_(wiping_freep) char *page = NULL;
        int r;

        r = api_json_read_tagged(body, body_len, "FindAllPasskeys", ret);
        if (r != ERROR_MALFORMED_REPLY)
                return r;
        page = counted_malloc(body_len + 1);
        if (!page)
                return -ENOMEM;
        memcpy(page, body, body_len);
        page[body_len] = '\0';
        r = mend_rows(page, body_len);
        return r == 0 ? api_json_read_tagged(page, body_len, "FindAllPasskeys", ret) : r;
}

/* The cursor field is required: a page without it must not be taken for the last page. */
static int read_cursor(const json_t *root, char **ret)
{
        if (!json_object_get(root, "cursor"))
                return ERROR_MALFORMED_REPLY;
        return json_read_optional_text(root, "cursor", cursor_is_valid, ret);
}

int api_json_read_passkey_list(const char *body, size_t body_len, PasskeyList *ret,
                               char **ret_next_cursor)
{
        _cleanup_(passkey_list_clear) PasskeyList list = {};
        _cleanup_(freep) char *cursor = NULL;
        json_auto_t *root = NULL;
        int r;

        r = read_page(body, body_len, &root);
        if (r == 0)
                r = read_rows(json_object_get(root, "records"), &list);
        if (r == 0)
                r = read_cursor(root, &cursor);
        if (r != 0)
                return r;

        *ret = TAKE(list, (PasskeyList){});
        *ret_next_cursor = TAKE_PTR(cursor);
        return 0;
}
