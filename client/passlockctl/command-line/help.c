/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "client/passlockctl/command-line/help.h"

static const char commands[] =
        "passlockctl [OPTIONS] COMMAND\n"
        "\n"
        "Passkeys of this host, by way of passlockd.\n"
        "\n"
        "Signing up and in:\n"
        "  authorize RP_ID USER_ID USERNAME     A token for a page to create a passkey\n"
        "  authenticate RP_ID                   A token for a page to sign somebody in\n"
        "  exchange [CODE|-]                    Tell who is behind a code (-: read it)\n"
        "  verify-token [TOKEN|-]               Show of whom an id_token speaks\n"
        "\n"
        "Links of this host:\n"
        "  link list [USER_ID]                  List links\n"
        "  link show AUTHENTICATOR_ID           Show one link\n"
        "  link add USER_ID AUTHENTICATOR_ID    Link an authenticator to a user\n"
        "  link remove AUTHENTICATOR_ID         Remove one link\n"
        "  link remove --user=USER_ID           Remove all links of a user\n"
        "  export [FILE|-]                      Write all links to a file\n"
        "  import FILE|-                        Add the links of such a file\n"
        "  monitor                              Print changes of links as they happen\n"
        "  reconcile [--apply]                  Compare the links with the vault\n"
        "\n"
        "Passkeys in the vault:\n"
        "  vault list                           List passkeys\n"
        "  vault get PASSKEY_ID                 Show one passkey\n"
        "  vault update USER_ID USERNAME        Give a user's passkeys another name\n"
        "  vault delete PASSKEY_ID...           Delete passkeys, and their links\n"
        "  vault delete --user=USER_ID          Delete all passkeys of a user\n"
        "  vault prune USER_ID                  A token to tidy up a user's browser\n"
        "\n"
        "Codes by mail:\n"
        "  mailbox create EMAIL PURPOSE         Make a challenge\n"
        "  mailbox get CHALLENGE_ID             Show a challenge\n"
        "  mailbox verify CHALLENGE_ID SECRET CODE\n"
        "                                       Use a challenge up (-: read secret, code)\n"
        "  mailbox delete CHALLENGE_ID          Delete a challenge\n"
        "\n"
        "The daemon:\n"
        "  status                               Show the daemon and its tenancies\n"
        "  audit                                Show what the daemon has recorded\n"
        "  doctor                               Find out what is wrong, and what to do\n"
        "  set-key [-]                          Try, seal and use another API key\n"
        "  reload                               Have it read its configuration again\n";

static const char options[] =
        "\n"
        "Options:\n"
        "     --tenancy=LABEL                   Another than the default tenancy\n"
        "     --json                            Print JSON\n"
        "     --timeout=SEC                     Give a call up after that (default: 30)\n"
        "     --no-legend                       Print no headers\n"
        "     --no-ask-password                 Do not have an administrator authenticate\n"
        "  -h --help                            Show this\n"
        "     --version                         Show the version\n"
        "\n"
        "Options of authorize and authenticate:\n"
        "     --user-verification=HOW           required, preferred or discouraged\n"
        "     --ceremony-timeout-ms=MS          How long the browser may take\n"
        "  authorize only:\n"
        "     --rp-name=NAME                    The app's name\n"
        "     --display-name=NAME               The user's for people (also vault update)\n"
        "     --exclude=AUTHENTICATOR_ID        Refuse that one; may be repeated\n"
        "     --no-exclude-linked               Do not refuse the user's linked ones\n"
        "  authenticate only:\n"
        "     --user-id=USER_ID                 One of that user's passkeys\n"
        "     --allow=AUTHENTICATOR_ID          That one; may be repeated\n"
        "     --discoverable                    Any passkey: the exchange tells whose\n"
        "     --mediation=HOW                   required or conditional\n"
        "\n"
        "Options of exchange:\n"
        "     --user-id=USER_ID                 Accept only that user (and verify-token)\n"
        "     --no-link                         Keep no link\n"
        "     --request-id=ID                   Get the answer to that request again\n"
        "\n"
        "Options of mailbox create:\n"
        "     --name=NAME                       The recipient's\n"
        "     --user-id=USER_ID                 The app's own\n"
        "     --metadata=JSON                   Comes back with the challenge\n"
        "     --invalidate-others               Void others for this user and purpose\n"
        "     --skip-rate-limit                 Do not mind how many there were\n"
        "     --no-email                        Do not send the mail\n"
        "\n"
        "Options of reconcile, link remove and vault delete:\n"
        "     --user=USER_ID                    All of that user's (not reconcile)\n"
        "     --apply                           Change the links (reconcile)\n"
        "     --remove-up-to=N                  If no more links would go (reconcile)\n"
        "     --yes                             Do not ask\n"
        "\n"
        "Options of import:\n"
        "     --dry-run                         Only tell what would be\n"
        "     --any-tenancy                     Take links of another tenancy, too\n"
        "\n"
        "Options of audit:\n"
        "     --since=TIME                      From 2026-01-31 12:00, @SECONDS, -2h\n"
        "     --until=TIME                      Up to then\n"
        "     --lines=N                         Only the last ones\n"
        "     --follow                          And what comes, until interrupted\n"
        "     --event=EVENT                     Only of that kind; see passlockd(8)\n"
        "     --method=NAME                     Only calls of that method\n"
        "     --uid=UID                         Only calls by that uid\n"
        "     --user=USER_ID                    Only about that user\n"
        "     --authenticator=AUTHENTICATOR_ID  Only about that one\n"
        "     --directory=DIR                   The journal that is there\n"
        "\n"
        "Options of set-key and doctor:\n"
        "     --ca-file=FILE                    Another CA than CaFile=\n"
        "  set-key only:\n"
        "     --credential=NAME                 Its name (default: passlock.LABEL)\n"
        "     --plain                           Do not seal it\n"
        "     --store-dir=DIR                   Where it goes\n"
        "\n"
        "See passlockctl(1).\n";

void help_print(void)
{
        fputs(commands, stdout);
        fputs(options, stdout);
}

static bool begins_with(const char *s, const char *key)
{
        size_t len = strlen(key);

        return strncmp(s, key, len) == 0 && strchr(" =,\n", s[len]);
}

/* What comes after the key in the first line that has it on its left. Two keys may share a line. */
static const char *find(const char *text, size_t column, const char *key)
{
        for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
                const char *left = line + column;
                size_t len = strcspn(line, "\n");

                if (len <= column)
                        continue;
                if (begins_with(left, key))
                        return left + strlen(key);
                left = memmem(left, len - column, ", --", 4);
                if (left && begins_with(left + 2, key))
                        return left + 2 + strlen(key);
        }
        return NULL;
}

/* What follows a key: its arguments, and after two spaces or on the next line the meaning. */
static HelpLine split(const char *left)
{
        const char *end, *meaning;

        if (!left)
                return (HelpLine){};
        end = strstr(left, "  ");
        if (!end || end > left + strcspn(left, "\n"))
                end = left + strcspn(left, "\n");
        meaning = end + strspn(end, "\n ");
        if (end > left + strcspn(left, ","))
                end = left + strcspn(left, ",");
        left += strspn(left, " =");
        return (HelpLine){
                .arguments = {left, end > left ? (size_t) (end - left) : 0},
                .meaning = {meaning, strcspn(meaning, "\n")},
        };
}

HelpLine help_find_verb(const char *first, const char *second)
{
        char key[64];

        snprintf(key, sizeof(key), "%s%s%s", first, second ? " " : "", second ?: "");
        return split(find(commands, 2, key));
}

HelpLine help_find_option(const char *option)
{
        return split(find(options, 5, option));
}
