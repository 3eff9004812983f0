/*
 * What an earlier run left behind (design 4.1): agreements that had a directory and still live are taken up again, in
 * a backend with the settings written down; everything else is ended. One thing at a time, in three passes over the
 * journal: agreements, demands, allocations.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/line.h"
#include "core/market.h"
#include "core/mem.h"
#include "core/record.h"
#include "core/rental.h"
#include "core/root.h"
#include "core/timefmt.h"

struct adoption {
	struct golem *golem;
	void (*done)(struct golem *golem);
	struct yagna_call *call;
	struct loop_timer *pause;
	unsigned pass;
	uint64_t last;                  /* entries up to this number have had their turn in this pass */
	uint64_t entry, activity_entry; /* of the present agreement */
	uint64_t *doubts;               /* not an earlier run's entries but these */
	unsigned doubt_count;
	char *activity;
	struct price price;
	unsigned threads;
	char *provider_name;
	char *network; /* yagna's id of one that may be ours */
};

static void next(void *context);

static const char *fact(const struct journal_entry *entry, const char *key)
{
	return json_string_or(entry->facts, key, "", &(struct err){0});
}

char *adopt_session(struct golem *golem)
{
	const struct journal_entry *entry;
	unsigned char random[16];
	struct buf text = {0};
	FILE *file;

	for (entry = journal_first(golem->journal); entry; entry = journal_next(golem->journal, entry))
		if (*fact(entry, "session"))
			return mem_strdup(fact(entry, "session"));
	memset(random, 0, sizeof(random));
	file = fopen("/dev/urandom", "re");
	if (file && fread(random, 1, sizeof(random), file) != sizeof(random))
		memset(random, 0, sizeof(random));
	if (file)
		fclose(file);
	buf_adds(&text, "golemfs-");
	for (unsigned i = 0; i < sizeof(random); i++)
		buf_printf(&text, "%02x", random[i]);
	return buf_take(&text);
}

/* --- directories ------------------------------------------------------------------------------------------- */

static const struct journal_entry *entry_of_backend(struct golem *golem, const char *name)
{
	const struct journal_entry *entry;

	for (entry = journal_first(golem->journal); entry; entry = journal_next(golem->journal, entry))
		if (entry->kind == JOURNAL_BACKEND && strcmp(fact(entry, "name"), name) == 0)
			return entry;
	return NULL;
}

static const struct journal_entry *allocation_of_backend(struct golem *golem, const char *name)
{
	const struct journal_entry *entry;

	for (entry = journal_first(golem->journal); entry; entry = journal_next(golem->journal, entry))
		if (entry->kind == JOURNAL_ALLOCATION && entry->id &&
		    strcmp(fact(entry, "backend"), name) == 0)
			return entry;
	return NULL;
}

/* The directory of the backend with its settings, started again with its old allocation. NULL: it cannot be. */
static struct backend *backend_again(struct golem *golem, const char *name)
{
	const struct journal_entry *entry = entry_of_backend(golem, name);
	const struct journal_entry *allocation = allocation_of_backend(golem, name);
	struct obj *there = obj_find(&golem->obj, name);
	const struct account *account;
	struct backend *backend;
	const cJSON *value;

	if (there)
		return backend_of(there)->market ? backend_of(there) : NULL;
	if (!entry || !allocation)
		return NULL;
	backend = backend_create(golem, name, NULL, 0, NULL);
	if (!backend)
		return NULL;
	cJSON_ArrayForEach (value, cJSON_GetObjectItem(entry->facts, "settings")) {
		const struct setting *setting = setting_find(value->string, NULL);

		if (setting && cJSON_IsString(value))
			values_set(&backend->values, setting_id(setting), value->valuestring,
				   strlen(value->valuestring), NULL);
	}
	account = connect_account(golem, backend, NULL);
	if (!account) {
		pool_close(backend);
		obj_remove(&backend->obj);
		return NULL;
	}
	backend->entry = entry->number;
	backend_enter(backend, BACKEND_STARTING, NULL);
	backend_take_networks(backend, true);
	market_begin(backend, account, allocation->id, allocation->number);
	return backend->market ? backend : NULL;
}

static struct instance *instance_again(struct adoption *adoption, const struct journal_entry *entry)
{
	struct backend *backend = backend_again(adoption->golem, fact(entry, "backend"));
	struct instance *instance;
	struct err err = {0};

	if (!backend || obj_find(&backend->obj, fact(entry, "instance")) ||
	    obj_check_name(fact(entry, "instance"), NULL))
		return NULL;
	instance = instance_make(backend, fact(entry, "instance"), NULL);
	rental_begin(instance);
	market_unwant(backend->market, instance);
	loop_cancel(&instance->limit);
	instance->agreement = mem_strdup(entry->id);
	instance->agreement_entry = entry->number;
	instance->provider = mem_strdup(fact(entry, "provider"));
	instance->provider_name = mem_strdup(adoption->provider_name);
	instance->activity = mem_strdup(adoption->activity);
	instance->activity_entry = adoption->activity_entry;
	instance->expires_ms = (uint64_t)json_number_or(entry->facts, "expires", 0, &err);
	instance->price = mem_dup(&adoption->price, sizeof(adoption->price));
	instance->threads = adoption->threads;
	instance->approved = true;
	membership_adopt(instance, entry->facts);
	return instance;
}

static void agent_told(struct instance *instance)
{
	if (line_is_open(instance->line))
		carrier_next(instance);
	else
		deploy_without_agent(instance, line_why_not(instance->line));
}

/* The agent of the machine, and the commands it runs. */
static void take_up_agent(struct instance *instance)
{
	const struct journal_entry *activity =
		journal_get(instance->obj.golem->journal, instance->activity_entry);

	if (activity && strcmp(instance_text(instance, SET_AGENT), "no") != 0)
		line_again(instance, activity->facts, agent_told);
}

static bool take_up(struct adoption *adoption, const struct journal_entry *entry)
{
	struct instance *instance = instance_again(adoption, entry);
	struct timespec asked = timefmt_now();
	struct err err = {0};

	if (!instance)
		return false;
	instance->glm_per_hour = price_per_hour(
		&adoption->price,
		setting_number(backend_text(backend_of_instance(instance), SET_MIN_CPU_THREADS)));
	instance->step = RENTAL_READY;
	if (rental_open_account(instance, &err)) {
		instance->unregarded = true;
		rental_end(instance, INSTANCE_ERROR, &err);
		return true;
	}
	asked.tv_sec -= 24 * 3600; /* not known any more: before anything it can have cost */
	payment_activity(instance->account, instance->activity, &asked);
	obj_event(&instance->obj, "instanceAdopted", NULL);
	rental_adopt(instance);
	take_up_agent(instance);
	deploy_ready(instance);
	return true;
}

/* --- agreements -------------------------------------------------------------------------------------------- */

static void strike_off(struct adoption *adoption)
{
	journal_gone(adoption->golem->journal, adoption->activity_entry);
	record_remove(adoption->golem, adoption->activity);
	journal_gone(adoption->golem->journal, adoption->entry);
	next(adoption);
}

static void turn_away(struct adoption *adoption)
{
	/* yagna went away: the same entry again when it is back */
	adoption->last = adoption->entry - 1;
	adoption->pause = loop_after(adoption->golem->loop, 1000, next, adoption);
}

static void terminated(void *context, const struct yagna_failure *failure)
{
	struct adoption *adoption = context;

	adoption->call = NULL;
	if (failure && failure->err.code == EHOSTUNREACH && failure->status == 0)
		turn_away(adoption);
	else if (failure && failure->status == 500) /* provider not reached: stays for the next start */
		next(adoption);
	else
		strike_off(adoption);
}

static void terminate(struct adoption *adoption)
{
	const struct journal_entry *entry = journal_get(adoption->golem->journal, adoption->entry);

	adoption->call =
		yagna_terminate(adoption->golem->yagna, entry->id, "left behind", terminated, adoption);
}

static void state_answered(void *context, const struct yagna_failure *failure,
			   const struct yagna_activity_state *state)
{
	struct adoption *adoption = context;
	const struct journal_entry *entry = journal_get(adoption->golem->journal, adoption->entry);

	adoption->call = NULL;
	if (failure && failure->err.code == EHOSTUNREACH && failure->status == 0)
		turn_away(adoption);
	else if (failure || strcmp(state->state, "Ready") != 0 || !take_up(adoption, entry))
		terminate(adoption);
	else
		next(adoption);
}

static bool find_activity(struct adoption *adoption, const char *agreement)
{
	const struct journal_entry *entry;

	free(mem_move(&adoption->activity));
	adoption->activity_entry = 0;
	for (entry = journal_first(adoption->golem->journal); entry;
	     entry = journal_next(adoption->golem->journal, entry))
		if (entry->kind == JOURNAL_ACTIVITY && strcmp(fact(entry, "agreement"), agreement) == 0) {
			adoption->activity_entry = entry->number;
			adoption->activity = entry->id ? mem_strdup(entry->id) : NULL;
		}
	return adoption->activity;
}

static void agreement_answered(void *context, const struct yagna_failure *failure,
			       const struct yagna_agreement *agreement)
{
	struct adoption *adoption = context;
	const struct journal_entry *entry = journal_get(adoption->golem->journal, adoption->entry);
	bool named = json_bool_or(entry->facts, "named", false, &(struct err){0});
	bool known;
	struct err err = {0};

	adoption->call = NULL;
	if (failure && failure->err.code == EHOSTUNREACH && failure->status == 0) {
		turn_away(adoption);
		return;
	}
	known = find_activity(adoption, entry->id);
	if (failure ||
	    (strcmp(agreement->state, "Approved") != 0 && strcmp(agreement->state, "Pending") != 0)) {
		strike_off(adoption);
		return;
	}
	if (!known || !named || strcmp(agreement->state, "Approved") != 0 ||
	    price_read(&adoption->price, agreement->offer_properties, &err)) {
		terminate(adoption);
		return;
	}
	adoption->threads =
		(unsigned)json_number_or(agreement->offer_properties, "golem.inf.cpu.threads", 1, &err);
	BUF_AUTO struct buf name = {0};

	buf_add_clean(&name, json_string_or(agreement->offer_properties, "golem.node.id.name", "", &err));
	free(adoption->provider_name);
	adoption->provider_name = mem_strdup(buf_text(&name));
	adoption->call =
		yagna_activity_state(adoption->golem->yagna, adoption->activity, state_answered, adoption);
}

/* --- demands and allocations ------------------------------------------------------------------------------- */

static void removed(void *context, const struct yagna_failure *failure)
{
	struct adoption *adoption = context;

	adoption->call = NULL;
	if (failure && failure->err.code == EHOSTUNREACH && failure->status == 0)
		turn_away(adoption);
	else
		strike_off(adoption);
}

/* An intent without id: what was published or reserved is recognised by the time in its facts. */
static void demands_listed(void *context, const struct yagna_failure *failure,
			   const struct yagna_demand *demands, unsigned count)
{
	struct adoption *adoption = context;
	const struct journal_entry *entry = journal_get(adoption->golem->journal, adoption->entry);
	double expiration = json_number_or(entry->facts, "expiration", -1, &(struct err){0});

	adoption->call = NULL;
	if (failure) {
		turn_away(adoption);
		return;
	}
	for (unsigned i = 0; i < count; i++)
		if (json_number_or(demands[i].properties, "golem.srv.comp.expiration", 0, &(struct err){0}) ==
		    expiration) {
			adoption->call =
				yagna_unpublish(adoption->golem->yagna, demands[i].id, removed, adoption);
			return;
		}
	strike_off(adoption);
}

static void allocations_listed(void *context, const struct yagna_failure *failure,
			       const struct yagna_allocation *allocations, unsigned count)
{
	struct adoption *adoption = context;
	const struct journal_entry *entry = journal_get(adoption->golem->journal, adoption->entry);

	adoption->call = NULL;
	if (failure) {
		turn_away(adoption);
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		char stamp[TIMEFMT_SIZE];

		timefmt_print(stamp, &allocations[i].timeout, 3);
		if (strcmp(stamp, fact(entry, "timeout")) == 0) {
			adoption->call =
				yagna_release(adoption->golem->yagna, allocations[i].id, removed, adoption);
			return;
		}
	}
	strike_off(adoption);
}

/* --- networks ---------------------------------------------------------------------------------------------- */

static void network_looked_at(void *context, const struct yagna_failure *failure,
			      const struct yagna_net_node *nodes, unsigned count)
{
	struct adoption *adoption = context;
	const struct journal_entry *entry = journal_get(adoption->golem->journal, adoption->entry);

	adoption->call = NULL;
	if (failure && !yagna_net_is_unknown(failure))
		turn_away(adoption);
	else if (failure)
		strike_off(adoption);
	else if (adoption->doubts || !network_adopt(adoption->golem, entry->number, entry->id, entry->facts))
		adoption->call = yagna_delete_net(adoption->golem->yagna, entry->id, removed, adoption);
	else
		next(adoption);
}

/* Other programs' networks have nodes, ours was only just asked for. */
static void unnamed_looked_at(void *context, const struct yagna_failure *failure,
			      const struct yagna_net_node *nodes, unsigned count)
{
	struct adoption *adoption = context;
	MEM_AUTO char *id = mem_move(&adoption->network);

	adoption->call = NULL;
	if (failure && !yagna_net_is_unknown(failure))
		turn_away(adoption);
	else if (failure || count)
		strike_off(adoption);
	else
		adoption->call = yagna_delete_net(adoption->golem->yagna, id, removed, adoption);
}

static void networks_listed(void *context, const struct yagna_failure *failure, const struct yagna_net *nets,
			    unsigned count)
{
	struct adoption *adoption = context;
	const struct journal_entry *entry = journal_get(adoption->golem->journal, adoption->entry);
	struct range range;
	const char *id = NULL;

	adoption->call = NULL;
	if (failure) {
		turn_away(adoption);
		return;
	}
	if (!range_parse(&range, fact(entry, "cidr"), NULL))
		id = network_recognise(adoption->golem, &range, cJSON_GetObjectItem(entry->facts, "before"),
				       nets, count);
	if (!id) {
		strike_off(adoption);
		return;
	}
	free(adoption->network);
	adoption->network = mem_strdup(id);
	adoption->call =
		yagna_list_net_nodes(adoption->golem->yagna, adoption->network, unnamed_looked_at, adoption);
}

static void treat_network(struct adoption *adoption, const struct journal_entry *entry)
{
	if (entry->id)
		adoption->call =
			yagna_list_net_nodes(adoption->golem->yagna, entry->id, network_looked_at, adoption);
	else
		adoption->call = yagna_list_nets(adoption->golem->yagna, networks_listed, adoption);
}

/* --- the walk ---------------------------------------------------------------------------------------------- */

static void treat_agreement(struct adoption *adoption, const struct journal_entry *entry)
{
	if (entry->id) /* else it was never confirmed and binds nobody */
		adoption->call =
			yagna_get_agreement(adoption->golem->yagna, entry->id, agreement_answered, adoption);
	else
		strike_off(adoption);
}

static void treat_demand(struct adoption *adoption, const struct journal_entry *entry)
{
	if (entry->id)
		adoption->call = yagna_unpublish(adoption->golem->yagna, entry->id, removed, adoption);
	else
		adoption->call = yagna_list_demands(adoption->golem->yagna, demands_listed, adoption);
}

static void treat_allocation(struct adoption *adoption, const struct journal_entry *entry)
{
	if (entry->id)
		adoption->call = yagna_release(adoption->golem->yagna, entry->id, removed, adoption);
	else
		adoption->call = yagna_list_allocations(adoption->golem->yagna, allocations_listed, adoption);
}

/* Whether a backend that was taken up again uses it: then it is not left behind. */
static bool in_use(struct adoption *adoption, const struct journal_entry *entry)
{
	struct obj *obj = obj_find(&adoption->golem->obj, fact(entry, "backend"));
	const char *allocation =
		obj && backend_of(obj)->market ? market_allocation(backend_of(obj)->market) : NULL;

	if (entry->kind == JOURNAL_ALLOCATION)
		return allocation && entry->id && strcmp(allocation, entry->id) == 0;
	return entry->kind == JOURNAL_DEMAND && entry->number > adoption->golem->adopt_before;
}

static bool concerned(struct adoption *adoption, const struct journal_entry *entry)
{
	if (!adoption->doubts)
		return entry->number <= adoption->golem->adopt_before && !in_use(adoption, entry);
	for (unsigned i = 0; i < adoption->doubt_count; i++)
		if (adoption->doubts[i] == entry->number)
			return true;
	return false;
}

/* Descriptions of backends that were not taken up, and what has lost its agreement. */
static void sweep(struct golem *golem)
{
	const struct journal_entry *entry = journal_first(golem->journal);

	while (entry) {
		const struct journal_entry *after = journal_next(golem->journal, entry);
		struct obj *obj =
			entry->kind == JOURNAL_BACKEND ? obj_find(&golem->obj, fact(entry, "name")) : NULL;

		if (entry->kind == JOURNAL_BACKEND && !obj && entry->number <= golem->adopt_before)
			journal_gone(golem->journal, entry->number);
		entry = after;
	}
}

static void begin_doubts(struct golem *golem);

static void finish(struct adoption *adoption)
{
	struct golem *golem = adoption->golem;
	void (*done)(struct golem *) = adoption->done;

	if (!adoption->doubts) {
		sweep(golem);
		networks_end_unused(golem);
	}
	adopt_end(golem);
	begin_doubts(golem);
	done(golem);
}

static void next(void *context)
{
	static const struct {
		enum journal_kind kind;
		void (*treat)(struct adoption *adoption, const struct journal_entry *entry);
	} passes[] = {
		{JOURNAL_NETWORK, treat_network}, /* first: instances are taken up in them */
		{JOURNAL_AGREEMENT, treat_agreement},
		{JOURNAL_DEMAND, treat_demand},
		{JOURNAL_ALLOCATION, treat_allocation},
	};
	struct adoption *adoption = context;
	const struct journal_entry *entry;

	adoption->pause = NULL;
	for (; adoption->pass < sizeof(passes) / sizeof(*passes); adoption->pass++, adoption->last = 0) {
		for (entry = journal_first(adoption->golem->journal); entry;
		     entry = journal_next(adoption->golem->journal, entry)) {
			if (entry->kind != passes[adoption->pass].kind || entry->number <= adoption->last ||
			    !concerned(adoption, entry))
				continue;
			adoption->last = adoption->entry = entry->number;
			adoption->activity_entry = 0;
			passes[adoption->pass].treat(adoption, entry);
			return;
		}
	}
	finish(adoption);
}

void adopt_begin(struct golem *golem, void (*done)(struct golem *golem))
{
	struct adoption *adoption = mem_alloc(sizeof(*adoption));
	const struct journal_entry *entry;

	for (entry = journal_first(golem->journal); entry; entry = journal_next(golem->journal, entry))
		if (entry->number > golem->adopt_before)
			golem->adopt_before = entry->number;
	golem->adoption = adoption;
	adoption->golem = golem;
	adoption->done = done;
	adoption->pass = 0;
	next(adoption);
}

static void doubts_settled(struct golem *golem)
{
	golem_look(golem);
}

static void begin_doubts(struct golem *golem)
{
	struct adoption *adoption;

	if (golem->adoption || !golem->doubt_count)
		return;
	adoption = mem_alloc(sizeof(*adoption));
	golem->adoption = adoption;
	adoption->golem = golem;
	adoption->done = doubts_settled;
	adoption->doubts = mem_move(&golem->doubts);
	adoption->doubt_count = golem->doubt_count;
	golem->doubt_count = 0;
	adoption->pause = loop_after(golem->loop, 0, next, adoption);
}

void adopt_doubt(struct golem *golem, uint64_t entry)
{
	golem->doubts = mem_resize(golem->doubts, (golem->doubt_count + 1) * sizeof(*golem->doubts));
	golem->doubts[golem->doubt_count++] = entry;
	begin_doubts(golem);
}

void adopt_end(struct golem *golem)
{
	struct adoption *adoption = mem_move(&golem->adoption);

	if (!adoption)
		return;
	yagna_cancel(&adoption->call);
	loop_cancel(&adoption->pause);
	free(adoption->doubts);
	free(adoption->activity);
	free(adoption->provider_name);
	free(adoption->network);
	free(adoption);
}
