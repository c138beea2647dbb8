/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <syslog.h>

#include "base/macro.h"

/*
 * The kinds of journal records: the single table for the daemon, `passlockctl audit`, and the tests
 * that compare it with the catalog and passlockd(8). The remedy for each is in
 * systemd/passlockd.catalog.
 *
 * MESSAGE_IDs are stable: a new kind gets a new one from `systemd-id128 new`.
 *
 *        name, its name for people, its priority, its MESSAGE_ID
 *        text for people
 */
#define EVENT_TABLE(X) \
        X(LINK_ADDED, "link-added", LOG_NOTICE, "0058e6d91f14492c8905c5c8310c6fe2", "Link added") \
        X(LINK_REMOVED, "link-removed", LOG_NOTICE, "bbc11963fcb647fa90198bb6f02e7c6b", \
          "Link removed") \
        X(CEREMONY_AUTHORIZED, "ceremony-authorized", LOG_INFO, \
          "1f39236073724e9a93a9b7569974e78b", "Ceremony authorized") \
        X(CODE_EXCHANGED, "code-exchanged", LOG_INFO, "81b2ddc91cfc48ddb4bef47ac05a3eab", \
          "Code exchanged") \
        X(PASSKEYS_UPDATED, "passkeys-updated", LOG_NOTICE, "051a4e802d4f4f11b6ee132194c0d0dc", \
          "Passkeys renamed in the vault") \
        X(PASSKEYS_DELETED, "passkeys-deleted", LOG_NOTICE, "ba04c812f667489282338d1f82661de2", \
          "Passkeys deleted in the vault") \
        X(PRUNE_AUTHORIZED, "prune-authorized", LOG_INFO, "33a31a7432a347c7b1c9fc2892f6b390", \
          "Pruning authorized") \
        X(DELETE_UNCERTAIN, "delete-uncertain", LOG_WARNING, "b64b932047394475ac332c2e539ee455", \
          "Link may be stale: failed to confirm a deletion in the vault") \
        X(ROWS_UNREADABLE, "rows-unreadable", LOG_WARNING, "3fa5b42df5454b00aa604074c8fb0ee5", \
          "Unreadable passkeys of the vault skipped") \
        X(CHALLENGE_CREATED, "challenge-created", LOG_INFO, "54c06de472664ed3ab3c4bdc5fb8107f", \
          "Challenge created") \
        X(CHALLENGE_USED, "challenge-used", LOG_INFO, "dd8e4b0f32934bb6b2d939d7bcc9ae9b", \
          "Challenge verified") \
        X(CHALLENGE_DELETED, "challenge-deleted", LOG_INFO, "8f08c44f2eb34a57b02515e0c22d9855", \
          "Challenge deleted") \
        X(RECONCILED, "reconciled", LOG_NOTICE, "3dcd4bddc17c47c1b19775cfdd9c4272", \
          "Links reconciled with the vault") \
        X(CALL_REFUSED, "call-refused", LOG_NOTICE, "3b8bf29d1d164cbf897d7e4672ee6965", \
          "Call refused") \
        X(CALL_REJECTED, "call-rejected", LOG_INFO, "2436bd906dd14570a4b13a1ddd467aa7", \
          "Call rejected") \
        X(CALL_FAILED, "call-failed", LOG_WARNING, "560563140c74436984f200cc2d0c2ab0", \
          "Call failed") \
        X(WOULD_BE_DENIED, "would-be-denied", LOG_NOTICE, "8ed1f289a1414c288237da2355430f03", \
          "Call would be denied") \
        X(CALLS_UNRECORDED, "calls-unrecorded", LOG_NOTICE, "a91f36eb10cc42f8a0a92c355faa7396", \
          "Failed calls suppressed by the log's rate limit") \
        X(TENANCY_READY, "tenancy-ready", LOG_NOTICE, "391487eee21f452fa737f2fa4df0d389", \
          "API reachable") \
        X(TENANCY_DEGRADED, "tenancy-degraded", LOG_WARNING, "eea4e55424f2413fb9434fa044eb2508", \
          "API unreachable or replies malformed") \
        X(TENANCY_DENIED, "tenancy-denied", LOG_WARNING, "9b914e07f068417e8e58aa62e4171fa4", \
          "API key rejected by the API") \
        X(KEY_TAKEN, "key-taken", LOG_NOTICE, "0ce9114427c74b8eb3fd109afe153eb6", \
          "API key loaded") \
        X(KEY_REPLACED, "key-replaced", LOG_NOTICE, "6b6fc32e907e4418b671672ecb6cb2d3", \
          "API key replaced") \
        X(KEY_REMOVED, "key-removed", LOG_WARNING, "f322682a0dcd40838103f5f24c01e35c", \
          "API key removed") \
        X(KEY_MISSING, "key-missing", LOG_NOTICE, "eb39724b493146c6b4df885e8c559324", \
          "API key missing") \
        X(KEY_UNUSABLE, "key-unusable", LOG_ERR, "ef3fe677b2ea47ea8e96a9fd71cb9206", \
          "API key invalid or unreadable") \
        X(CONFIGURATION_LOADED, "configuration-loaded", LOG_NOTICE, \
          "c47b5216a05c4f6b849fa636f89b0b0d", "Configuration and credentials loaded") \
        X(CONFIGURATION_REFUSED, "configuration-refused", LOG_ERR, \
          "76a9b73f0ed74c579bd5acef07be25b6", "Failed to load the configuration") \
        X(CONFIGURATION_MISSING, "configuration-missing", LOG_WARNING, \
          "bda67b5c99f0415281548fb3b36b65ec", "Configuration warning") \
        X(CONFIGURATION_FOUND, "configuration-found", LOG_NOTICE, \
          "64ed39de5e1d4e1fa6795352f4e7c286", "Missing user or group found") \
        X(STORE_FULL, "store-full", LOG_ERR, "0849d4d0207540908945dcca9adb5ddd", \
          "Link store out of disk space") \
        X(STORE_FAILED, "store-failed", LOG_ERR, "d0a9dbdf143f4406a41e055aa4022991", \
          "Link store I/O failed") \
        X(STORE_LEFT, "store-left", LOG_NOTICE, "5135368ed8024ff9a4309c8d7030e20e", \
          "Host left the shared store") \
        X(RECOVERY_NEEDED, "recovery-needed", LOG_NOTICE, "b1c30fbba4e8411ba0c32df1c7dd2acc", \
          "Unfinished exchanges found after a crash") \
        X(RECOVERY_DONE, "recovery-done", LOG_NOTICE, "5b4ac076414a428fab61117cca48c503", \
          "Crash recovery of links finished") \
        X(RECOVERY_FAILED, "recovery-failed", LOG_WARNING, "20eb26f4104747c399b8b22182b6adaf", \
          "Failed to recover links after a crash, retrying with back-off") \
        X(RECOVERY_AMBIGUOUS, "recovery-ambiguous", LOG_WARNING, \
          "fbdb842f4961444b98b06d8e0c4db180", "Crash recovery of links ambiguous") \
        X(STARTED, "started", LOG_NOTICE, "468a3d74c3884c27b5cf3b3f9fb91f8b", "Started") \
        X(STOPPED, "stopped", LOG_NOTICE, "fd64deb611904a6daa31bb0668198913", "Stopped") \
        X(BUS_LOST, "bus-lost", LOG_ERR, "b109c839ba5c4cfcbc1507f0d9b24c8e", \
          "D-Bus connection lost") \
        X(BUS_REPLACED, "bus-replaced", LOG_WARNING, "354d5e4edb57446ab6b68a0a6e26d19c", \
          "D-Bus connection hung and was replaced") \
        X(RECORDS_LOST, "records-lost", LOG_WARNING, "ed4277cef914450d929492c9e4bafff3", \
          "Log records dropped: the journal did not keep up")

typedef enum Event {
#define X(name, text_name, priority, id, text) EVENT_##name,
        EVENT_TABLE(X)
#undef X
                N_EVENTS,
} Event;

/* Static strings; the priority is one of syslog.h. */
const char *event_name(Event event);
const char *event_message_id(Event event);
const char *event_text(Event event);
int event_priority(Event event);

/* The reverse. -1 for NULL and unknown values. */
int event_from_name(const char *name);
int event_from_message_id(const char *id);

/* Journal fields besides MESSAGE_ID, MESSAGE and PRIORITY; each is optional. PASSLOCK_ERROR is a
 * D-Bus error name, PASSLOCK_DECIDED_BY one of the values below. */
#define FIELD_EVENT            "PASSLOCK_EVENT"
#define FIELD_METHOD           "PASSLOCK_METHOD"
#define FIELD_TENANCY          "PASSLOCK_TENANCY"
#define FIELD_USER_ID          "PASSLOCK_USER_ID"
#define FIELD_AUTHENTICATOR_ID "PASSLOCK_AUTHENTICATOR_ID"
#define FIELD_RP_ID            "PASSLOCK_RP_ID"
#define FIELD_CHALLENGE_ID     "PASSLOCK_CHALLENGE_ID"
#define FIELD_CALLER_UID       "PASSLOCK_CALLER_UID"
#define FIELD_DECIDED_BY       "PASSLOCK_DECIDED_BY"
#define FIELD_RIGHT            "PASSLOCK_RIGHT"
#define FIELD_SENDER           "PASSLOCK_SENDER"
#define FIELD_ERROR            "PASSLOCK_ERROR"
#define FIELD_DURATION_USEC    "PASSLOCK_DURATION_USEC"
#define FIELD_COUNT            "PASSLOCK_COUNT"
#define FIELD_CHECKED          "PASSLOCK_CHECKED"
#define FIELD_ADDED            "PASSLOCK_ADDED"
#define FIELD_REMOVED          "PASSLOCK_REMOVED"
#define FIELD_CONFLICTS        "PASSLOCK_CONFLICTS"
#define FIELD_DRY_RUN          "PASSLOCK_DRY_RUN"

/* Values of PASSLOCK_DECIDED_BY: the source of the authorization; "polkit" also if polkit
 * refused. */
#define DECIDED_BY_ROOT   "root"
#define DECIDED_BY_GRANT  "grant"
#define DECIDED_BY_POLKIT "polkit"
