/*
 * Activities: the REST side of reference/yagna-api.md 5, and the provider's daemon between it and the exe-units.
 */
#include <ctype.h>
#include <math.h>
#include <utlist.h>

#include "core/mem.h"
#include "tests/devnet/exe_unit.h"
#include "tests/devnet/fault.h"
#include "tests/devnet/route.h"
#include "tests/devnet/serde.h"

/* The provider daemon's copy of a state that is being left is this much behind. */
enum { STATE_LAG_MS = 8, ID_DIGITS = 32, AGREEMENT_DIGITS = 64 };
#define DEFAULT_TIMEOUT_S 5.0
/* What an exe-unit uses itself before anything runs. */
#define OWN_CPU_S 0.0185
#define MARGIN_S  1.0

struct activity {
	char id[ID_DIGITS + 1];
	UT_hash_handle hh;
	struct activities *all;
	struct agreement *agreement;
	struct exe_unit *unit; /* NULL when Terminated */
	struct state_pair shown;
	char *reason; /* of an end that was not asked for, or NULL */
	struct loop_timer *lag;
	double began, ended;    /* wall clock; ended 0: not yet */
	double cpu;             /* at the end */
	struct waiter *waiters; /* DELETEs */
};

/* An exchange that waits for an activity: to be made, or to be gone. */
struct waiter {
	struct waiter *next;
	struct activities *all;
	struct activity *activity;
	struct exchange *exchange; /* NULL: the client has hung up */
	struct agreement *agreement;
	struct loop_timer *timer;
	bool object; /* answer {"activityId":…} */
};

struct activities {
	struct devnet *devnet;
	struct activity *list;
	struct machine *machines;
	struct fetches *fetches;
	struct waiter *creations;
	struct tenancy *tenancies;
};

/* An approved agreement, as the provider's agent watches it: it leaves when nothing runs for too long. */
struct tenancy {
	struct tenancy *next;
	struct activities *all;
	struct agreement *agreement;
	struct loop_timer *idle;
	bool over;
};

static double wall_clock(void)
{
	struct timespec now = wire_now();
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct tenancy *tenancy_of(struct activities *all, const struct agreement *agreement)
{
	struct tenancy *tenancy;
	LL_FOREACH (all->tenancies, tenancy)
		if (tenancy->agreement == agreement)
			return tenancy;
	return NULL;
}

static void on_idle(void *context)
{
	struct tenancy *tenancy = context;
	tenancy->idle = NULL;

	char *message MEM_AUTO =
		mem_printf("No activity created within %us", tenancy->agreement->provider->idle_limit_s);

	market_provider_terminates(tenancy->agreement, message, "NoActivity");
}

static bool lives(struct activities *all, const struct agreement *agreement)
{
	for (struct activity *one = all->list; one; one = one->hh.next)
		if (one->agreement == agreement && one->unit)
			return true;
	return false;
}

/* Starts or stops the provider's patience, after anything that changes whether an activity lives. */
static void watch_idle(struct activities *all, struct agreement *agreement)
{
	struct tenancy *tenancy = tenancy_of(all, agreement);
	if (!tenancy)
		return;
	loop_cancel(&tenancy->idle);
	if (!tenancy->over && agreement->provider->idle_limit_s && !lives(all, agreement))
		tenancy->idle = loop_after(all->devnet->loop, 1000ull * agreement->provider->idle_limit_s,
					   on_idle, tenancy);
}

void activity_agreement_approved(struct devnet *devnet, struct agreement *agreement)
{
	struct activities *all = devnet->activities;
	struct tenancy *tenancy = mem_alloc(sizeof(*tenancy));
	*tenancy = (struct tenancy){.all = all, .agreement = agreement};
	LL_PREPEND(all->tenancies, tenancy);
	watch_idle(all, agreement);
}

static void force_end(struct activity *activity)
{
	BUF_AUTO struct buf reason = {0};
	if (!activity->unit || activity->unit->end_timer)
		return;
	buf_adds(&reason, "Interrupted by signal: 15: ");
	exe_unit_count(activity->unit, &reason);
	free(activity->reason);
	activity->reason = buf_take(&reason);
	exe_unit_interrupt(activity->unit);
}

void activity_agreement_ended(struct devnet *devnet, struct agreement *agreement)
{
	struct activities *all = devnet->activities;
	struct tenancy *tenancy = tenancy_of(all, agreement);
	if (tenancy)
		tenancy->over = true;
	for (struct activity *one = all->list; one; one = one->hh.next)
		if (one->agreement == agreement)
			force_end(one);
	watch_idle(all, agreement);
}

void activity_kill_provider(struct devnet *devnet, struct provider *provider)
{
	for (struct activity *one = devnet->activities->list; one; one = one->hh.next)
		if (one->agreement->provider == provider && one->unit)
			exe_unit_die(one->unit);
}

static void show_state(struct activity *activity)
{
	loop_cancel(&activity->lag);
	if (activity->unit)
		activity->shown = activity->unit->state;
}

static void on_lag(void *context)
{
	struct activity *activity = context;
	activity->lag = NULL;
	show_state(activity);
}

static void on_changed(void *context)
{
	struct activity *activity = context;
	if (activity->unit->state.next == EXE_NONE)
		show_state(activity);
	else if (!activity->lag)
		activity->lag = loop_after(activity->all->devnet->loop, STATE_LAG_MS, on_lag, activity);
}

static void free_unit(void *context)
{
	exe_unit_free(context);
}

static void on_ended(void *context)
{
	struct activity *activity = context;
	struct waiter *waiter, *next;
	struct activities *all = activity->all;
	show_state(activity);
	activity->cpu = exe_unit_cpu(activity->unit);
	activity->ended = wall_clock();
	loop_defer(all->devnet->loop, free_unit, activity->unit);
	activity->unit = NULL;
	LL_FOREACH_SAFE (activity->waiters, waiter, next) {
		LL_DELETE(activity->waiters, waiter);
		exchange_reply_json_text(waiter->exchange, 200, "null");
		free(waiter);
	}
	payment_activity_ended(all->devnet, activity->id);
	watch_idle(all, activity->agreement);
}

static struct activity *activity_new(struct activities *all, struct agreement *agreement)
{
	struct activity *activity = mem_alloc(sizeof(*activity));
	wire_hex_id(activity->id, ID_DIGITS);
	activity->all = all;
	activity->agreement = agreement;
	activity->began = wall_clock();
	activity->unit =
		exe_unit_new(all->devnet, &(struct exe_unit){.agreement = agreement,
							     .id = activity->id,
							     .fetches = all->fetches,
							     .machines = &all->machines,
							     .events = {on_changed, on_ended, activity}});
	activity->shown = activity->unit->state;
	HASH_ADD_STR(all->list, id, activity);
	watch_idle(all, agreement);
	payment_activity_began(all->devnet, activity->id, agreement);
	return activity;
}

/* A vector entry of the offer, by its name. */
static double used(const char *name, double duration, double cpu)
{
	if (!strcmp(name, "golem.usage.duration_sec"))
		return duration;
	return strcmp(name, "golem.usage.cpu_sec") ? 0 : cpu;
}

bool activity_bill(struct devnet *devnet, const char *activity_id, struct activity_bill *bill)
{
	struct activity *activity;
	HASH_FIND_STR(devnet->activities->list, activity_id, activity);
	if (!activity)
		return false;
	*bill = (struct activity_bill){.agreement = activity->agreement, .ended = !activity->unit};
	strcpy(bill->id, activity->id);
	bill->duration_s = (activity->unit ? wall_clock() : activity->ended) - activity->began;
	bill->cpu_s = OWN_CPU_S + (activity->unit ? exe_unit_cpu(activity->unit) : activity->cpu);
	return true;
}

static bool unreachable(struct exchange *exchange, const struct agreement *agreement)
{
	if (agreement->provider->reachable &&
	    !fault_hits(exchange_devnet(exchange), "unreachable", agreement->provider))
		return false;
	exchange_reply_message(exchange, 500, "%s", DEVNET_GSB_TIMEOUT);
	return true;
}

/* The activity the path names; NULL when the exchange has been answered. */
static struct activity *find(struct exchange *exchange)
{
	struct activity *activity;
	const char *id = exchange_part(exchange, 0);
	HASH_FIND_STR(exchange_devnet(exchange)->activities->list, id, activity);
	if (!activity)
		exchange_reply_message(exchange, 500, "DAO error: Not found: agreement id for activity: %s",
				       id);
	return activity;
}

/* The agreement of that id; NULL when the exchange has been answered. */
static struct agreement *find_agreement(struct exchange *exchange, const char *id)
{
	size_t digits = strspn(id, "0123456789abcdefABCDEF");
	struct agreement *agreement = NULL;
	if (id[digits])
		exchange_reply_message(exchange, 500,
				       "Service error: Id [%s] contains non hexadecimal characters.", id);
	else if (digits != AGREEMENT_DIGITS)
		exchange_reply_message(exchange, 500,
				       "Service error: Id [%s] hash has invalid length. Should be |64|", id);
	else if (!(agreement = market_find_agreement(exchange_devnet(exchange), id)) ||
		 !agreement->approved) {
		agreement = NULL;
		exchange_reply_message(exchange, 404, "Not found: %s", id);
	}
	return agreement;
}

static void waiter_free(struct waiter *waiter)
{
	loop_cancel(&waiter->timer);
	free(waiter);
}

static void on_created(void *context)
{
	struct waiter *waiter = context;
	waiter->timer = NULL;
	LL_DELETE(waiter->all->creations, waiter);
	struct activity *activity = activity_new(waiter->all, waiter->agreement);
	if (waiter->exchange && waiter->object) {
		cJSON *body = cJSON_CreateObject();
		cJSON_AddStringToObject(body, "activityId", activity->id);
		exchange_reply_json(waiter->exchange, 200, body);
	} else if (waiter->exchange) {
		exchange_reply_json(waiter->exchange, 200, cJSON_CreateString(activity->id));
	}
	waiter_free(waiter);
}

/* The provider drops what it was making. */
static void on_create_timeout(struct exchange *exchange, void *context)
{
	struct waiter *waiter = context;
	LL_DELETE(waiter->all->creations, waiter);
	exchange_reply_message(exchange, 408, "Timeout");
	waiter_free(waiter);
}

static void on_create_gone(struct exchange *exchange, void *context)
{
	struct waiter *waiter = context;
	(void)exchange;
	waiter->exchange = NULL;
	if (waiter->timer)
		return; /* the provider does not know and goes on */
	LL_DELETE(waiter->all->creations, waiter);
	waiter_free(waiter);
}

/* A second activity of one agreement is never made, and never refused either. */
static void create(struct exchange *exchange, struct agreement *agreement, double timeout, bool object)
{
	struct devnet *devnet = exchange_devnet(exchange);
	struct activities *all = devnet->activities;
	const struct fault *late = fault_hit(devnet, "activity-create-late", agreement->provider);
	struct waiter *waiter = mem_alloc(sizeof(*waiter));
	*waiter = (struct waiter){.all = all, .agreement = agreement, .exchange = exchange, .object = object};
	LL_PREPEND(all->creations, waiter);
	exchange_wait(exchange, timeout + MARGIN_S, on_create_timeout, on_create_gone, waiter);
	if (!lives(all, agreement))
		waiter->timer = loop_after(devnet->loop,
					   devnet->latencies.activity_create_ms + (late ? late->delay_ms : 0),
					   on_created, waiter);
}

static const struct serde_field create_fields[] = {{"agreementId", &serde_string, 0},
						   {"requestorPubKey", &serde_string, SERDE_OPTIONAL},
						   {NULL, NULL, 0}};
static const struct serde_type create_object = {SERDE_STRUCT, "struct CreateActivityRequest",
						.fields = create_fields};
static const struct serde_type create_type = {
	SERDE_UNTAGGED, "CreateActivityJson",
	.alternatives = (const struct serde_type *const[]){&create_object, &serde_string, NULL}};

static const char *agreement_id(const cJSON *body)
{
	if (cJSON_IsArray(body)) /* a struct may be a list of its members */
		return cJSON_GetStringValue(body->child);
	return cJSON_GetStringValue(
		cJSON_IsObject(body) ? cJSON_GetObjectItemCaseSensitive(body, "agreementId") : body);
}

static void post_activity(struct exchange *exchange)
{
	double timeout = DEFAULT_TIMEOUT_S;
	const cJSON *body;
	struct agreement *agreement;
	if (!exchange_query_float(exchange, "timeout", &timeout) ||
	    !(body = exchange_json_as(exchange, &create_type)) ||
	    !(agreement = find_agreement(exchange, agreement_id(body))))
		return;
	if (agreement->terminated) {
		exchange_reply_message(exchange, 400,
				       "Bad request: Agreement %s is not Approved. Current state: Terminated",
				       agreement->id);
		return;
	}
	const struct fault *fault =
		fault_hit(exchange_devnet(exchange), "activity-create", agreement->provider);
	if (fault)
		exchange_reply_message(exchange, 500, "Service error: %s", fault->message);
	else if (!unreachable(exchange, agreement))
		create(exchange, agreement, timeout, !cJSON_IsString(body));
}

static void on_destroy_timeout(struct exchange *exchange, void *context)
{
	struct waiter *waiter = context;
	LL_DELETE(waiter->activity->waiters, waiter);
	exchange_reply_message(exchange, 408, "Timeout");
	waiter_free(waiter);
}

static void on_destroy_gone(struct exchange *exchange, void *context)
{
	struct waiter *waiter = context;
	(void)exchange;
	LL_DELETE(waiter->activity->waiters, waiter);
	waiter_free(waiter);
}

static void delete_activity(struct exchange *exchange)
{
	double timeout = DEFAULT_TIMEOUT_S;
	struct activity *activity;
	if (!exchange_query_float(exchange, "timeout", &timeout) || !(activity = find(exchange)))
		return;
	if (!activity->unit) {
		exchange_reply_json_text(exchange, 200, "null");
		return;
	}
	if (unreachable(exchange, activity->agreement))
		return;
	const struct fault *fault =
		fault_hit(exchange_devnet(exchange), "activity-destroy", activity->agreement->provider);
	if (fault) {
		exchange_reply_message(exchange, 500, "Service error: %s", fault->message);
		return;
	}
	struct waiter *waiter = mem_alloc(sizeof(*waiter));
	*waiter = (struct waiter){.all = activity->all, .activity = activity, .exchange = exchange};
	LL_PREPEND(activity->waiters, waiter);
	exchange_wait(exchange, timeout, on_destroy_timeout, on_destroy_gone, waiter);
	if (!activity->unit->dead)
		exe_unit_destroy(activity->unit);
}

static void list_activities(struct exchange *exchange)
{
	const char *id = NULL;
	struct agreement *agreement;
	if (!exchange_query_text(exchange, "agreementId", &id))
		return;
	if (!id) {
		exchange_refuse_query(exchange, "missing field `agreementId`");
		return;
	}
	if (!(agreement = find_agreement(exchange, id)))
		return;
	cJSON *list = cJSON_CreateArray();
	for (struct activity *one = exchange_devnet(exchange)->activities->list; one; one = one->hh.next)
		if (one->agreement == agreement)
			cJSON_AddItemToArray(list, cJSON_CreateString(one->id));
	exchange_reply_json(exchange, 200, list);
}

static void get_agreement(struct exchange *exchange)
{
	struct activity *activity = find(exchange);
	if (activity)
		exchange_reply_json(exchange, 200, cJSON_CreateString(activity->agreement->id));
}

/* For what the provider's daemon is asked, unless the activity is known to be over. */
static struct activity *find_remote(struct exchange *exchange)
{
	double timeout = DEFAULT_TIMEOUT_S;
	struct activity *activity;
	if (!exchange_query_float(exchange, "timeout", &timeout) || !(activity = find(exchange)))
		return NULL;
	return activity->unit && unreachable(exchange, activity->agreement) ? NULL : activity;
}

static void get_state(struct exchange *exchange)
{
	struct activity *activity = find_remote(exchange);
	if (!activity)
		return;
	cJSON *body = cJSON_CreateObject(), *pair = cJSON_AddArrayToObject(body, "state");
	const char *next = exe_state_name(activity->shown.next);
	cJSON_AddItemToArray(pair, cJSON_CreateString(exe_state_name(activity->shown.now)));
	cJSON_AddItemToArray(pair, next ? cJSON_CreateString(next) : cJSON_CreateNull());
	if (!activity->unit && activity->reason)
		cJSON_AddStringToObject(body, "reason", activity->reason);
	exchange_reply_json(exchange, 200, body);
}

/* Reported once a second; nothing in the first one. */
static void get_usage(struct exchange *exchange)
{
	struct activity *activity = find_remote(exchange);
	if (!activity)
		return;
	double age = (activity->unit ? wall_clock() : activity->ended) - activity->began,
	       seconds = floor(age);
	double cpu = OWN_CPU_S + (activity->unit ? exe_unit_cpu(activity->unit) : activity->cpu);
	cJSON *body = cJSON_CreateObject();
	const cJSON *vector = cJSON_GetObjectItemCaseSensitive(activity->agreement->offer,
							       "golem.com.usage.vector"),
		    *entry;
	if (seconds >= 1) {
		cJSON *usage = cJSON_AddArrayToObject(body, "currentUsage");
		cJSON_ArrayForEach (entry, vector) {
			const char *name = cJSON_GetStringValue(entry);
			double value = used(name ? name : "", seconds + 0.002226, cpu);
			cJSON_AddItemToArray(usage, cJSON_CreateNumber(value));
		}
	}
	cJSON_AddNumberToObject(body, "timestamp", floor(activity->began + seconds));
	exchange_reply_json(exchange, 200, body);
}

/* The real daemon asks an address that nobody serves. */
static void get_command(struct exchange *exchange)
{
	if (find_remote(exchange))
		exchange_reply_message(exchange, 500, "%s", EXE_GONE);
}

static const struct serde_field exec_fields[] = {{"text", &serde_string, 0}, {NULL, NULL, 0}};
static const struct serde_type exec_type = {SERDE_STRUCT, "struct ExeScriptRequest", .fields = exec_fields};

static void accept_script(struct exchange *exchange, struct activity *activity, struct exe_script *script)
{
	struct devnet *devnet = exchange_devnet(exchange);
	const struct provider *provider = activity->agreement->provider;
	const struct fault *fault = fault_hit(devnet, "exec", provider);
	if (fault) {
		exchange_reply_message(exchange, 500, "%s", fault->message);
		exe_script_free(script);
		return;
	}
	if (fault_hits(devnet, "kill", provider)) {
		exchange_reply_message(exchange, 500, "%s", EXE_GONE);
		exe_script_free(script);
		exe_unit_die(activity->unit);
		return;
	}
	struct batch *batch = batch_new(activity->unit, script);
	exchange_reply_json(exchange, 200, cJSON_CreateString(batch->id));
}

static void post_exec(struct exchange *exchange)
{
	double timeout = DEFAULT_TIMEOUT_S;
	BUF_AUTO struct buf why = {0};
	const cJSON *body;
	struct activity *activity;
	if (!exchange_query_float(exchange, "timeout", &timeout) ||
	    !(body = exchange_json_as(exchange, &exec_type)) || !(activity = find(exchange)))
		return;
	const char *text = cJSON_GetStringValue(
		cJSON_IsArray(body) ? body->child : cJSON_GetObjectItemCaseSensitive(body, "text"));
	struct exe_script *script = exe_script_parse(text, strlen(text), &why);
	if (!script) {
		exchange_reply_message(exchange, 400, "Bad request: %s", buf_text(&why));
	} else if (!activity->unit || activity->unit->dead || activity->unit->end_timer) {
		exchange_reply_message(exchange, 500, "%s", EXE_GONE);
		exe_script_free(script);
	} else if (unreachable(exchange, activity->agreement)) {
		exe_script_free(script);
	} else {
		accept_script(exchange, activity, script);
	}
}

static void get_results(struct exchange *exchange)
{
	double timeout = 0;
	unsigned long index = 0;
	struct activity *activity;
	if (!exchange_query_float(exchange, "timeout", &timeout) ||
	    !exchange_query_uint(exchange, "commandIndex", &index) || !(activity = find(exchange)))
		return;
	const char *accept = exchange_header(exchange, "accept");
	bool stream = accept && strcmp(accept, "text/event-stream") == 0;
	bool alive = activity->unit && !activity->unit->dead;
	struct batch *batch = alive ? batch_find(activity->unit, exchange_part(exchange, 1)) : NULL;
	if (alive && unreachable(exchange, activity->agreement))
		return;
	if (stream)
		stream_open(exchange, batch);
	else if (!alive)
		exchange_reply_message(exchange, 500, "%s", EXE_GONE);
	else if (!batch)
		exchange_reply_message(exchange, 404, "Not found: batch_id = %s", exchange_part(exchange, 1));
	else
		results_poll(exchange, batch, timeout,
			     exchange_query(exchange, "commandIndex") ? &index : NULL);
}

/* Provider-side events; a requestor's daemon has none. */
static void on_events_timeout(struct exchange *exchange, void *context)
{
	(void)context;
	exchange_reply_json_text(exchange, 200, "[]");
}

static void get_events(struct exchange *exchange)
{
	double timeout = DEFAULT_TIMEOUT_S;
	struct timespec after;
	if (!exchange_query(exchange, "afterTimestamp"))
		exchange_refuse_query(exchange, "missing field `afterTimestamp`");
	else if (exchange_query_time(exchange, "afterTimestamp", &after) &&
		 exchange_query_float(exchange, "timeout", &timeout))
		exchange_wait(exchange, timeout, on_events_timeout, NULL, NULL);
}

static void get_monitor(struct exchange *exchange)
{
	struct timespec now = wire_now();
	char stamp[40];
	wire_time(stamp, &now, 9);
	MEM_AUTO char *event = mem_printf("data: {\"ts\":\"%s\",\"activities\":[]}\r\n\r\n", stamp);
	exchange_set_header(exchange, "cache-control", "no-cache");
	exchange_stream_begin(exchange, "text/event-stream", NULL, NULL);
	exchange_stream_chunk(exchange, event, strlen(event));
}

struct activities *activities_new(struct devnet *devnet)
{
	struct activities *all = mem_alloc(sizeof(*all));
	all->devnet = devnet;
	all->fetches = fetches_new(devnet->loop);
	return all;
}

static void activity_free(struct activity *activity)
{
	struct waiter *waiter, *next;
	loop_cancel(&activity->lag);
	LL_FOREACH_SAFE (activity->waiters, waiter, next)
		waiter_free(waiter);
	exe_unit_free(activity->unit);
	free(activity->reason);
	free(activity);
}

void activities_free(struct activities *all)
{
	struct activity *activity, *next_activity;
	struct waiter *waiter, *next_waiter;
	struct tenancy *tenancy, *next_tenancy;
	HASH_ITER (hh, all->list, activity, next_activity) {
		HASH_DEL(all->list, activity);
		activity_free(activity);
	}
	LL_FOREACH_SAFE (all->creations, waiter, next_waiter)
		waiter_free(waiter);
	LL_FOREACH_SAFE (all->tenancies, tenancy, next_tenancy) {
		loop_cancel(&tenancy->idle);
		free(tenancy);
	}
	machine_free_all(&all->machines);
	fetches_free(all->fetches);
	free(all);
}

#define BASE "/activity-api/v1/activity"
const struct route activity_routes[] = {
	{"POST", BASE, post_activity},
	{"GET", BASE, list_activities},
	{"DELETE", BASE "/{}", delete_activity},
	{"GET", BASE "/{}/agreement", get_agreement},
	{"GET", BASE "/{}/state", get_state},
	{"GET", BASE "/{}/usage", get_usage},
	{"GET", BASE "/{}/command", get_command},
	{"POST", BASE "/{}/exec", post_exec},
	{"GET", BASE "/{}/exec/{}", get_results},
	{"GET", "/activity-api/v1/events", get_events},
	{"GET", "/activity-api/v1/_monitor", get_monitor},
	{NULL, NULL, NULL},
};
