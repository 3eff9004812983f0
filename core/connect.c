/*
 * The connection to yagna: who we are, which wallets there are, and the one long poll for agreement events that also
 * notices when yagna goes away. Goes on by itself, with pauses, when it does not answer.
 */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/rental.h"
#include "core/root.h"
#include "core/timefmt.h"

enum { RETRY_FIRST_MS = 200, RETRY_MOST_MS = 5000, EVENTS_S = 30, EVENTS_PAUSE_MS = 1000, BEHIND_S = 60 };

static void ask(void *context);
static void poll_events(struct golem *golem);

/* --- accounts ---------------------------------------------------------------------------------------------- */

/* Networks whose money is worth nothing, the liveliest first: the order in which they are preferred. */
static const char *const test_networks[] = {"hoodi",  "holesky", "amoy",   "sepolia",
					    "mumbai", "goerli",  "rinkeby"};

static int test_rank(const char *network)
{
	int count = sizeof(test_networks) / sizeof(*test_networks);

	for (int i = 0; i < count; i++)
		if (strcmp(test_networks[i], network) == 0)
			return i;
	return count;
}

static bool is_test(const char *network)
{
	return test_rank(network) < (int)(sizeof(test_networks) / sizeof(*test_networks));
}

static void free_accounts(struct golem *golem)
{
	while (golem->accounts) {
		struct account *account = golem->accounts;

		golem->accounts = account->next;
		free(account->platform);
		free(account->network);
		free(account->driver);
		free(account->address);
		free(account);
	}
}

static void add_account(struct golem *golem, const struct yagna_account *from)
{
	struct account *account = mem_alloc(sizeof(*account));
	struct account **place = &golem->accounts;

	account->platform = mem_strdup(from->platform);
	account->network = mem_strdup(from->network);
	account->driver = mem_strdup(from->driver);
	account->address = mem_strdup(from->address);
	account->test = is_test(from->network);
	while (*place && test_rank((*place)->network) <= test_rank(account->network))
		place = &(*place)->next;
	account->next = *place;
	*place = account;
}

const struct account *connect_account(struct golem *golem, const struct backend *backend, struct err *err)
{
	const char *network = backend_text(backend, SET_PAYMENT_NETWORK);
	const char *driver = backend_text(backend, SET_PAYMENT_DRIVER);

	for (const struct account *account = golem->accounts; account; account = account->next)
		if (strcmp(account->driver, driver) == 0 &&
		    (!network || strcmp(account->network, network) == 0))
			return account;
	err_set(err, EINVAL,
		"yagna has no account for payment_network=%s payment_driver=%s: yagna payment init",
		network ? network : "(any)", driver);
	return NULL;
}

bool connect_real_money(struct golem *golem, const struct backend *backend)
{
	const char *network = backend_text(backend, SET_PAYMENT_NETWORK);
	const struct account *account = connect_account(golem, backend, NULL);

	if (account)
		return !account->test;
	return network && !is_test(network);
}

/* --- up and down ------------------------------------------------------------------------------------------- */

static void enter(struct golem *golem, enum link link, const struct err *why)
{
	enum link before = golem->link;
	cJSON *extra;

	golem->link = link;
	golem->link_error = why ? *why : (struct err){0};
	if (before == link)
		return;
	obj_changed(&golem->obj, ASPECT_STATE);
	if (link != LINK_UP)
		backend_do_pending(golem);
	if (link != LINK_UP && before != LINK_UP)
		return;
	extra = cJSON_CreateObject();
	cJSON_AddStringToObject(extra, "url", golem->url);
	if (why)
		cJSON_AddStringToObject(extra, "message", why->text);
	obj_event(&golem->obj, link == LINK_UP ? "yagnaUp" : "yagnaDown", extra);
}

static void away(struct golem *golem, const struct err *why)
{
	enter(golem, why->code == EKEYREJECTED ? LINK_REFUSED : LINK_AWAY, why);
	loop_cancel(&golem->retry);
	golem->retry = loop_after(golem->loop, golem->retry_ms, ask, golem);
	golem->retry_ms = golem->retry_ms * 2 > RETRY_MOST_MS ? RETRY_MOST_MS : golem->retry_ms * 2;
}

static void adopted(struct golem *golem)
{
	golem->adopted = true;
	obj_changed(&golem->obj, ASPECT_STATE);
	networks_up(golem);
	backend_do_pending(golem);
	golem_look(golem);
}

static void up(struct golem *golem)
{
	golem->retry_ms = RETRY_FIRST_MS;
	enter(golem, LINK_UP, NULL);
	payment_start(golem->payment, golem->cursor);
	if (!golem->events)
		poll_events(golem);
	if (golem->adopted)
		networks_up(golem);
	else if (!golem->adoption)
		adopt_begin(golem, adopted);
}

static void accounts_answered(void *context, const struct yagna_failure *failure,
			      const struct yagna_account *accounts, unsigned count)
{
	struct golem *golem = context;

	golem->asking = NULL;
	if (failure) {
		away(golem, &failure->err);
		return;
	}
	free_accounts(golem);
	for (unsigned i = 0; i < count; i++)
		if (accounts[i].send)
			add_account(golem, &accounts[i]);
	up(golem);
}

static void identity_answered(void *context, const struct yagna_failure *failure,
			      const struct yagna_identity *identity)
{
	struct golem *golem = context;

	golem->asking = NULL;
	if (failure) {
		away(golem, &failure->err);
		return;
	}
	free(golem->node_id);
	golem->node_id = mem_strdup(identity->node_id);
	golem->asking = yagna_list_accounts(golem->yagna, accounts_answered, golem);
}

static void version_answered(void *context, const struct yagna_failure *failure, const char *version)
{
	struct golem *golem = context;
	BUF_AUTO struct buf clean = {0};

	golem->asking = NULL;
	if (failure) {
		away(golem, &failure->err);
		return;
	}
	buf_add_clean(&clean, version);
	free(golem->version);
	golem->version = mem_strdup(buf_text(&clean));
	golem->asking = yagna_me(golem->yagna, identity_answered, golem);
}

static void ask(void *context)
{
	struct golem *golem = context;

	golem->retry = NULL;
	if (!golem->asking)
		golem->asking = yagna_version(golem->yagna, version_answered, golem);
}

/* --- agreement events -------------------------------------------------------------------------------------- */

static void events_answered(void *context, const struct yagna_failure *failure,
			    const struct yagna_agreement_event *events, unsigned count)
{
	struct golem *golem = context;

	golem->events = NULL;
	if (failure) {
		if (golem->link == LINK_UP)
			away(golem, &failure->err); /* up() polls again */
		return;
	}
	for (unsigned i = 0; i < count; i++)
		rental_told(golem, &events[i]);
	if (count) {
		free(golem->cursor);
		golem->cursor = mem_strdup(events[count - 1].date);
	}
	poll_events(golem);
}

static void poll_events(struct golem *golem)
{
	golem->events = yagna_poll_agreements(golem->yagna, golem->session, golem->cursor, EVENTS_S,
					      events_answered, golem);
}

/* Events since a minute ago, or since the oldest agreement of an earlier run: clocks differ, and the session keeps
 * other programs' events out. */
static char *first_cursor(struct golem *golem)
{
	struct timespec since = timefmt_now();
	char stamp[TIMEFMT_SIZE];

	since.tv_sec -= journal_first(golem->journal) ? 24 * 3600 : BEHIND_S;
	timefmt_print(stamp, &since, 6);
	return mem_strdup(stamp);
}

void connect_begin(struct golem *golem)
{
	struct err none = {0};

	golem->cursor = first_cursor(golem);
	golem->retry_ms = RETRY_FIRST_MS;
	if (golem->appkey)
		ask(golem);
	else
		enter(golem, LINK_NO_KEY, &none);
}

void connect_end(struct golem *golem)
{
	yagna_cancel(&golem->asking);
	yagna_cancel(&golem->events);
	loop_cancel(&golem->retry);
}

void connect_free(struct golem *golem)
{
	free_accounts(golem);
	free(mem_move(&golem->cursor));
	free(mem_move(&golem->version));
}
