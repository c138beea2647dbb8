/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "dbus/key-proof.h"
#include "tests/client/harness.h"

#define NONCE "0123456789abcdef0123456789ABCDEF"

static void write_file(const Harness *h, const char *name, const char *text)
{
        char path[128];
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", h->dir, name);
        f = fopen(path, "we");
        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
}

static void test_findings(void **state)
{
        passlock_finding_list *list = NULL;
        passlock_finding *finding;
        Harness *h = *state;

        assert_int_equal(passlock_diagnose(h->client, NULL), -EINVAL);
        assert_int_equal(passlock_diagnose(h->client, &list), PASSLOCK_ERROR_ACCESS_DENIED);
        write_file(h, "findings",
                   "user|default|nemo|/etc/x.conf:3|there is no user nemo|make one\n"
                   "recovery||||links are looked for\n");
        assert_int_equal(passlock_diagnose(h->client, &list), 0);
        assert_int_equal(passlock_finding_list_get_size(list), 2);
        assert_null(passlock_finding_list_get(list, 2));
        finding = passlock_finding_ref(passlock_finding_list_get(list, 0));
        assert_string_equal(passlock_finding_get_kind(passlock_finding_list_get(list, 1)),
                            "recovery");
        assert_string_equal(passlock_finding_get_advice(passlock_finding_list_get(list, 1)), "");
        assert_ptr_equal(passlock_finding_list_ref(list), list);
        passlock_finding_list_unref(list);
        assert_null(passlock_finding_list_unref(list));
        assert_string_equal(passlock_finding_get_kind(finding), "user");
        assert_string_equal(passlock_finding_get_tenancy(finding), "default");
        assert_string_equal(passlock_finding_get_name(finding), "nemo");
        assert_string_equal(passlock_finding_get_place(finding), "/etc/x.conf:3");
        assert_string_equal(passlock_finding_get_text(finding), "there is no user nemo");
        assert_string_equal(passlock_finding_get_advice(finding), "make one");
        assert_null(passlock_finding_unref(finding));
}

/* A finding without a text is an invalid reply. */
static void test_bad_findings(void **state)
{
        passlock_finding_list *untouched = (passlock_finding_list *) 1;
        Harness *h = *state;

        write_file(h, "findings", "user|default|nemo\n");
        assert_int_equal(passlock_diagnose(h->client, &untouched), -EPROTO);
        assert_ptr_equal(untouched, (passlock_finding_list *) 1);
}

static void test_rights(void **state)
{
        passlock_right_list *list = NULL;
        passlock_right *right;
        Harness *h = *state;

        assert_int_equal(passlock_list_rights(h->client, NULL), -EINVAL);
        assert_int_equal(passlock_list_rights(h->client, &list), -EOPNOTSUPP);
        write_file(h, "rights",
                   "default|grant|shop|Authorize,Exchange|shop.example,b.example|unenforced\n"
                   "|polkit||reload||yes\n");
        assert_int_equal(passlock_list_rights(h->client, &list), 0);
        assert_int_equal(passlock_right_list_get_size(list), 2);
        assert_null(passlock_right_list_get(list, 2));
        right = passlock_right_list_get(list, 1);
        assert_string_equal(passlock_right_get_tenancy(right), "");
        assert_string_equal(passlock_right_get_source(right), "polkit");
        assert_null(passlock_right_get_grant(right));
        assert_null(passlock_right_get_rp_ids(right)[0]);
        assert_true(passlock_right_needs_authentication(right));
        right = passlock_right_ref(passlock_right_list_get(list, 0));
        assert_ptr_equal(passlock_right_list_ref(list), list);
        passlock_right_list_unref(list);
        assert_null(passlock_right_list_unref(list));
        assert_string_equal(passlock_right_get_tenancy(right), "default");
        assert_string_equal(passlock_right_get_source(right), "grant");
        assert_string_equal(passlock_right_get_grant(right), "shop");
        assert_string_equal(passlock_right_get_names(right)[1], "Exchange");
        assert_null(passlock_right_get_names(right)[2]);
        assert_string_equal(passlock_right_get_rp_ids(right)[0], "shop.example");
        assert_false(passlock_right_needs_authentication(right));
        assert_true(passlock_right_is_unenforced(right));
        assert_null(passlock_right_unref(right));
}

static void test_store(void **state)
{
        passlock_store *store = NULL;
        Harness *h = *state;

        assert_int_equal(passlock_get_store(h->client, NULL), -EINVAL);
        assert_int_equal(passlock_get_store(h->client, &store), -EOPNOTSUPP);
        write_file(h, "store",
                   "engine|s|etcd\nstate|s|away\nreason|s|no leader\naway_since|t|1700000000123\n"
                   "revision|t|17\ncluster_revision|t|18\nbehind_ms|t|2500\nhost|s|first\n"
                   "host_number|u|3\nwaiting|t|4\noutbox|t|5\nunconfirmed|t|6\n"
                   "endpoint|s|http://127.0.0.1:2379\ndb_size|t|7000000\nquota|t|8000000\n"
                   "alarms|as|no-space,corrupt\nmembers|a(ssbb)|one|a1|yes|no\nlater|s|x\n");
        assert_int_equal(passlock_get_store(h->client, &store), 0);
        assert_ptr_equal(passlock_store_ref(store), store);
        assert_null(passlock_store_unref(store));
        assert_string_equal(passlock_store_get_engine(store), "etcd");
        assert_string_equal(passlock_store_get_state(store), "away");
        assert_string_equal(passlock_store_get_reason(store), "no leader");
        assert_int_equal(passlock_store_get_away_since_ms(store), 1700000000123);
        assert_int_equal(passlock_store_get_revision(store), 17);
        assert_int_equal(passlock_store_get_cluster_revision(store), 18);
        assert_int_equal(passlock_store_get_behind_ms(store), 2500);
        assert_string_equal(passlock_store_get_host(store), "first");
        assert_int_equal(passlock_store_get_host_number(store), 3);
        assert_int_equal(passlock_store_get_waiting(store), 4);
        assert_int_equal(passlock_store_get_outbox(store), 5);
        assert_int_equal(passlock_store_get_unconfirmed(store), 6);
        assert_string_equal(passlock_store_get_endpoint(store), "http://127.0.0.1:2379");
        assert_int_equal(passlock_store_get_db_size(store), 7000000);
        assert_int_equal(passlock_store_get_quota(store), 8000000);
        assert_string_equal(passlock_store_get_alarms(store)[1], "corrupt");
        assert_null(passlock_store_get_alarms(store)[2]);
        assert_int_equal(passlock_store_get_n_members(store), 1);
        assert_string_equal(passlock_store_get_member_name(store, 0), "one");
        assert_string_equal(passlock_store_get_member_id(store, 0), "a1");
        assert_true(passlock_store_member_is_leader(store, 0));
        assert_false(passlock_store_member_answers(store, 0));
        assert_null(passlock_store_get_member_name(store, 1));
        passlock_store_unref(store);
}

/* A store of one host has only an engine. */
static void test_local_store(void **state)
{
        passlock_store *store = NULL;
        Harness *h = *state;

        write_file(h, "store", "state|s|serving\n");
        assert_int_equal(passlock_get_store(h->client, &store), -EPROTO);
        write_file(h, "store", "engine|s|etcd\nmembers|as|one\n");
        assert_int_equal(passlock_get_store(h->client, &store), -EPROTO);
        write_file(h, "store", "engine|s|local\n");
        assert_int_equal(passlock_get_store(h->client, &store), 0);
        assert_null(passlock_store_get_state(store));
        assert_null(passlock_store_get_alarms(store)[0]);
        assert_int_equal(passlock_store_get_n_members(store), 0);
        passlock_store_unref(store);
}

static void test_verification(void **state)
{
        passlock_verification *verification = NULL;
        Harness *h = *state;

        assert_int_equal(passlock_verify_store(h->client, NULL), -EINVAL);
        assert_int_equal(passlock_verify_store(h->client, &verification), -EOPNOTSUPP);
        write_file(h, "verification",
                   "checked|t|9\nmissing|t|1\nextra|t|2\ndifferent|t|3\ncomplete|b|yes\n"
                   "examples|as|extra links/t/a,extra links/t/b\n");
        assert_int_equal(passlock_verify_store(h->client, &verification), 0);
        assert_ptr_equal(passlock_verification_ref(verification), verification);
        assert_null(passlock_verification_unref(verification));
        assert_int_equal(passlock_verification_get_checked(verification), 9);
        assert_int_equal(passlock_verification_get_missing(verification), 1);
        assert_int_equal(passlock_verification_get_extra(verification), 2);
        assert_int_equal(passlock_verification_get_different(verification), 3);
        assert_true(passlock_verification_is_complete(verification));
        assert_string_equal(passlock_verification_get_examples(verification)[1], "extra links/t/b");
        assert_null(passlock_verification_get_examples(verification)[2]);
        passlock_verification_unref(verification);
}

static void expect_sample(const passlock_metrics *metrics, size_t i, const char *name,
                          const char *type, double value)
{
        assert_string_equal(passlock_metrics_get_name(metrics, i), name);
        assert_string_equal(passlock_metrics_get_type(metrics, i), type);
        assert_true(passlock_metrics_get_value(metrics, i) == value);
}

static void test_metrics(void **state)
{
        passlock_metrics *metrics = NULL;
        const char *const *labels;
        Harness *h = *state;

        assert_int_equal(passlock_get_metrics(h->client, NULL), -EINVAL);
        assert_int_equal(passlock_get_metrics(h->client, &metrics), PASSLOCK_ERROR_ACCESS_DENIED);
        write_file(h, "metrics", "");
        assert_int_equal(passlock_get_metrics(h->client, &metrics), 0);
        assert_ptr_equal(passlock_metrics_ref(metrics), metrics);
        assert_null(passlock_metrics_unref(metrics));
        assert_int_equal(passlock_metrics_get_size(metrics), 4);
        expect_sample(metrics, 0, "calls_total", "counter", 3);
        expect_sample(metrics, 1, "time_seconds_bucket", "histogram", 2);
        expect_sample(metrics, 2, "time_seconds_sum", "histogram", 0.125);
        labels = passlock_metrics_get_labels(metrics, 0);
        assert_string_equal(labels[0], "method");
        assert_string_equal(labels[3], "a \"b\"");
        assert_null(labels[4]);
        assert_null(passlock_metrics_get_labels(metrics, 2)[0]);
        assert_null(passlock_metrics_get_name(metrics, 4));
        assert_null(passlock_metrics_get_type(metrics, 4));
        assert_null(passlock_metrics_get_labels(metrics, 4)[0]);
        assert_true(passlock_metrics_get_value(metrics, 4) == 0);
        assert_string_equal(passlock_metrics_get_text(metrics),
                            "# HELP calls_total Calls.\n# TYPE calls_total counter\n"
                            "calls_total{method=\"GetUser\",grant=\"a \\\"b\\\"\"} 3\n"
                            "# HELP none None.\n# TYPE none gauge\n"
                            "# HELP time_seconds Time.\n# TYPE time_seconds histogram\n"
                            "time_seconds_bucket{le=\"+Inf\"} 2\n"
                            "time_seconds_sum 0.125\ntime_seconds_count 2\n");
        passlock_metrics_unref(metrics);
}

static void test_join(void **state)
{
        passlock_options *options = NULL;
        passlock_joined_links *join = NULL;
        Harness *h = *state;

        assert_int_equal(passlock_join_store(h->client, NULL, NULL), -EINVAL);
        assert_int_equal(passlock_join_store(h->client, NULL, &join), -EOPNOTSUPP);
        write_file(h, "join",
                   "added|t|5\npresent|t|4\nconflicting|t|3\nexceeding|t|2\nunfinished|t|1\n"
                   "conflicts|as|conflicting links/t/a\n");
        assert_int_equal(passlock_options_new(&options), 0);
        assert_int_equal(passlock_options_set_bool(options, "apply", true), 0);
        assert_int_equal(passlock_join_store(h->client, options, &join), 0);
        assert_int_equal(harness_count_log(h, "JoinStore apply=yes"), 1);
        passlock_options_unref(options);
        assert_ptr_equal(passlock_joined_links_ref(join), join);
        assert_null(passlock_joined_links_unref(join));
        assert_int_equal(passlock_joined_links_get_added(join), 5);
        assert_int_equal(passlock_joined_links_get_present(join), 4);
        assert_int_equal(passlock_joined_links_get_conflicting(join), 3);
        assert_int_equal(passlock_joined_links_get_exceeding(join), 2);
        assert_int_equal(passlock_joined_links_get_unfinished(join), 1);
        assert_string_equal(passlock_joined_links_get_conflicts(join)[0], "conflicting links/t/a");
        assert_null(passlock_joined_links_get_conflicts(join)[1]);
        passlock_joined_links_unref(join);
}

static void test_leave(void **state)
{
        static const char all[] = "links|t|5\nexchanges|t|4\ndeletes|t|3\nleft|t|2\nunshared|t|1\n"
                                  "current|b|yes\ntold|b|yes\nhost_number|u|7\n";
        passlock_options *options = NULL;
        passlock_left_store *left = NULL;
        Harness *h = *state;
        char text[256];

        assert_int_equal(passlock_leave_store(h->client, NULL, NULL), -EINVAL);
        assert_int_equal(passlock_leave_store(h->client, NULL, &left), -EOPNOTSUPP);
        write_file(h, "leave", all);
        assert_int_equal(passlock_leave_store(h->client, NULL, &left), 0);
        assert_null(passlock_left_store_get_kept(left));
        passlock_left_store_unref(left);
        snprintf(text, sizeof(text), "%s%s", all, "kept|s|/var/lib/x\n");
        write_file(h, "leave", text);
        assert_int_equal(passlock_options_new(&options), 0);
        assert_int_equal(passlock_options_set_bool(options, "apply", true), 0);
        assert_int_equal(passlock_leave_store(h->client, options, &left), 0);
        assert_int_equal(harness_count_log(h, "LeaveStore apply=yes"), 1);
        passlock_options_unref(options);
        assert_ptr_equal(passlock_left_store_ref(left), left);
        assert_null(passlock_left_store_unref(left));
        assert_int_equal(passlock_left_store_get_links(left), 5);
        assert_int_equal(passlock_left_store_get_exchanges(left), 4);
        assert_int_equal(passlock_left_store_get_deletes(left), 3);
        assert_int_equal(passlock_left_store_get_left(left), 2);
        assert_int_equal(passlock_left_store_get_unshared(left), 1);
        assert_true(passlock_left_store_is_current(left));
        assert_true(passlock_left_store_is_told(left));
        assert_int_equal(passlock_left_store_get_host_number(left), 7);
        assert_string_equal(passlock_left_store_get_kept(left), "/var/lib/x");
        passlock_left_store_unref(left);
}

static void test_explanation(void **state)
{
        const uint32_t groups[] = {33, 29};
        passlock_explanation *explanation = NULL;
        passlock_options *options = NULL;
        Harness *h = *state;

        assert_int_equal(passlock_explain(h->client, "Links.Add", 33, NULL, NULL), -EINVAL);
        assert_int_equal(passlock_explain(h->client, NULL, 33, NULL, &explanation), -EINVAL);
        assert_int_equal(passlock_explain(h->client, "Links.Add", 33, NULL, &explanation),
                         -EOPNOTSUPP);
        write_file(h, "explanation",
                   "allowed|b|no\nunenforced|b|no\nsource|s|polkit\ntenancy|s|default\n"
                   "rights|as|Links.Write\ngrant|s|shop\nplace|s|f:1\nlacks|as|User=33,RpId=a\n"
                   "rp_ids|as|b.example\nmax_calls_per_s|t|7\naction|s|x.change-links\n");
        assert_int_equal(passlock_options_new(&options), 0);
        assert_int_equal(passlock_options_set_uint32_array(options, "groups", groups, 2), 0);
        assert_int_equal(passlock_options_set_uint32_array(options, "groups", groups, 65537),
                         PASSLOCK_ERROR_INVALID_ARGS);
        assert_int_equal(passlock_options_set_uint32_array(options, NULL, groups, 1), -EINVAL);
        assert_int_equal(passlock_options_set_uint32_array(options, "gone", groups, 1), 0);
        assert_int_equal(passlock_options_set_uint32_array(options, "gone", NULL, 0), 0);
        assert_int_equal(passlock_explain(h->client, "Links.Add", 33, options, &explanation), 0);
        assert_int_equal(harness_count_log(h, "Explain Links.Add 33 groups=[33][29]"), 1);
        passlock_options_unref(options);
        assert_ptr_equal(passlock_explanation_ref(explanation), explanation);
        assert_null(passlock_explanation_unref(explanation));
        assert_false(passlock_explanation_is_allowed(explanation));
        assert_false(passlock_explanation_is_unenforced(explanation));
        assert_string_equal(passlock_explanation_get_source(explanation), "polkit");
        assert_string_equal(passlock_explanation_get_tenancy(explanation), "default");
        assert_string_equal(passlock_explanation_get_rights(explanation)[0], "Links.Write");
        assert_string_equal(passlock_explanation_get_grant(explanation), "shop");
        assert_string_equal(passlock_explanation_get_place(explanation), "f:1");
        assert_null(passlock_explanation_get_allow_place(explanation));
        assert_string_equal(passlock_explanation_get_lacks(explanation)[1], "RpId=a");
        assert_string_equal(passlock_explanation_get_rp_ids(explanation)[0], "b.example");
        assert_int_equal(passlock_explanation_get_max_calls_per_s(explanation), 7);
        assert_string_equal(passlock_explanation_get_action(explanation), "x.change-links");
        passlock_explanation_unref(explanation);
}

static void expect_proof(const char *text, const char *nonce, const char *proof)
{
        char expected[KEY_PROOF_LEN + 1];
        Secret *key;

        assert_int_equal(secret_new(text, strlen(text), &key), 0);
        assert_int_equal(key_proof(key, nonce, expected), 0);
        assert_string_equal(proof, expected);
        secret_unref(key);
}

static void test_proof(void **state)
{
        Harness *h = *state;
        char *proof = NULL;

        assert_int_equal(passlock_prove_key(h->client, NONCE, NULL), -EINVAL);
        assert_int_equal(passlock_prove_key(h->client, NULL, &proof), -EINVAL);
        assert_int_equal(passlock_prove_key(NULL, NONCE, &proof), -EINVAL);
        assert_int_equal(passlock_prove_key(h->client, NONCE, &proof),
                         PASSLOCK_ERROR_NOT_CONFIGURED);
        assert_null(proof);
        write_file(h, "key", "the-key");
        assert_int_equal(passlock_prove_key(h->client, NONCE, &proof), 0);
        expect_proof("the-key", NONCE, proof);
        free(proof);
        assert_int_equal(harness_count_log(h, "ProveKey "), 2);
        assert_int_equal(passlock_set_tenancy(h->client, "other"), 0);
        assert_int_equal(passlock_prove_key(h->client, NONCE, &proof), 0);
        free(proof);
        assert_int_equal(harness_count_log(h, "ProveKey other"), 1);
}

typedef struct Seen {
        unsigned n;
        int r;
        size_t size;
        char text[128];
} Seen;

static void on_findings(passlock *client, int r, const char *error_text,
                        passlock_finding_list *findings, void *userdata)
{
        Seen *seen = userdata;

        seen->n++;
        seen->r = r;
        seen->size = r == 0 ? passlock_finding_list_get_size(findings) : 0;
}

static void on_rights(passlock *client, int r, const char *error_text, passlock_right_list *rights,
                      void *userdata)
{
        Seen *seen = userdata;

        seen->n++;
        seen->r = r;
        seen->size = r == 0 ? passlock_right_list_get_size(rights) : 0;
}

static void on_proof(passlock *client, int r, const char *error_text, const char *proof,
                     void *userdata)
{
        Seen *seen = userdata;

        seen->n++;
        seen->r = r;
        snprintf(seen->text, sizeof(seen->text), "%s", proof ?: error_text);
}

static void on_store(passlock *client, int r, const char *error_text, passlock_store *store,
                     void *userdata)
{
        Seen *seen = userdata;

        seen->n++;
        seen->r = r;
        snprintf(seen->text, sizeof(seen->text), "%s",
                 store ? passlock_store_get_engine(store) : error_text);
}

static void on_metrics(passlock *client, int r, const char *error_text, passlock_metrics *metrics,
                       void *userdata)
{
        Seen *seen = userdata;

        seen->n++;
        seen->r = r;
        seen->size = r == 0 ? passlock_metrics_get_size(metrics) : 0;
}

static void on_verification(passlock *client, int r, const char *error_text,
                            passlock_verification *verification, void *userdata)
{
        Seen *seen = userdata;

        seen->n++;
        seen->r = r;
}

static void on_join(passlock *client, int r, const char *error_text, passlock_joined_links *join,
                    void *userdata)
{
        Seen *seen = userdata;

        seen->n++;
        seen->r = r;
}

static void on_leave(passlock *client, int r, const char *error_text, passlock_left_store *left,
                     void *userdata)
{
        Seen *seen = userdata;

        seen->n++;
        seen->r = r;
}

static void on_explanation(passlock *client, int r, const char *error_text,
                           passlock_explanation *explanation, void *userdata)
{
        Seen *seen = userdata;

        seen->n++;
        seen->r = r;
}

static void test_asynchronously(void **state)
{
        Seen findings = {}, rights = {}, proof = {}, store = {}, verification = {}, join = {},
             leave = {}, explanation = {}, metrics = {};
        Harness *h = *state;

        write_file(h, "metrics", "");
        write_file(h, "findings", "user|default|nemo||there is no user nemo\n");
        write_file(h, "rights", "default|root||Exchange\ndefault|grant|g|Exchange\n");
        write_file(h, "key", "the-key");
        write_file(h, "store", "engine|s|local\n");
        assert_int_equal(passlock_get_store_async(h->client, on_store, &store, NULL), 0);
        assert_int_equal(passlock_get_metrics_async(h->client, on_metrics, &metrics, NULL), 0);
        assert_int_equal(
                passlock_verify_store_async(h->client, on_verification, &verification, NULL), 0);
        assert_int_equal(passlock_join_store_async(h->client, NULL, on_join, &join, NULL), 0);
        assert_int_equal(passlock_leave_store_async(h->client, NULL, on_leave, &leave, NULL), 0);
        assert_int_equal(passlock_diagnose_async(h->client, on_findings, &findings, NULL), 0);
        assert_int_equal(passlock_list_rights_async(h->client, on_rights, &rights, NULL), 0);
        assert_int_equal(passlock_prove_key_async(h->client, NONCE, on_proof, &proof, NULL), 0);
        harness_run_until(h, &findings.n, 1);
        harness_run_until(h, &rights.n, 1);
        harness_run_until(h, &proof.n, 1);
        harness_run_until(h, &store.n, 1);
        harness_run_until(h, &verification.n, 1);
        harness_run_until(h, &join.n, 1);
        harness_run_until(h, &leave.n, 1);
        assert_int_equal(passlock_explain_async(h->client, "Links.Add", 33, NULL, on_explanation,
                                                &explanation, NULL),
                         0);
        harness_run_until(h, &explanation.n, 1);
        assert_int_equal(explanation.r, -EOPNOTSUPP);
        harness_run_until(h, &metrics.n, 1);
        assert_int_equal(metrics.size, 4);
        assert_int_equal(verification.r, -EOPNOTSUPP);
        assert_int_equal(join.r, -EOPNOTSUPP);
        assert_int_equal(leave.r, -EOPNOTSUPP);
        assert_int_equal(findings.r | rights.r | proof.r | store.r, 0);
        assert_string_equal(store.text, "local");
        assert_int_equal(findings.size, 1);
        assert_int_equal(rights.size, 2);
        expect_proof("the-key", NONCE, proof.text);
}

#define test(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                test(test_findings),    test(test_bad_findings),   test(test_rights),
                test(test_proof),       test(test_asynchronously), test(test_store),
                test(test_local_store), test(test_verification),   test(test_join),
                test(test_leave),       test(test_explanation),    test(test_metrics),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
