#include "tests/devnet/fault.h"

#include <math.h>
#include <strings.h>
#include <utlist.h>

#include "core/json.h"
#include "core/mem.h"
#include "tests/devnet/devnet.h"

enum { FAULTS_MAX = 1000, WHY_SIZE = 200, SIZE_MAX_BYTES = 64 * 1024 * 1024 };

struct faults {
	struct fault *list;
	unsigned last_id, count;
	unsigned seed; /* faults with a probability fall alike in every run */
};

const struct fault_point fault_points[] = {
	{"drop-before", true, "closes the connection before the request is handled"},
	{"hang", true, "takes the request and never answers"},
	{"delay", true, "handles the request delay_ms later"},
	{"refuse", true, "answers status, type and body (or message) instead of handling"},
	{"drop-after", true, "handles the request, then closes the connection instead of answering"},
	{"garbage", true, "handles it, then answers bytes that are no HTTP"},
	{"truncate", true, "handles it, then answers half of a JSON body and closes"},
	{"wrong-type", true, "handles it, then answers 200 with JSON of another shape"},
	{"huge", true, "handles it, then answers 200 with a JSON text of `size` bytes"},
	{"deep", true, "handles it, then answers 200 with JSON lists `size` deep"},
	{"cut-stream", true, "breaks an event stream off (skip: after so many events)"},
	{"no-offer", false, "the provider's offer does not reach the demand"},
	{"lose-events", false, "an answer with events is empty, the events are gone"},
	{"reject-proposal", false, "the provider rejects the counter-offer with message"},
	{"ignore-proposal", false, "the provider never answers the counter-offer"},
	{"reject-agreement", false, "the provider rejects the agreement with message"},
	{"ignore-agreement", false, "the provider neither approves nor rejects the agreement"},
	{"terminate-agreement", false,
	 "the provider ends the agreement delay_ms after approving it, with message"},
	{"activity-create", false, "creating the activity fails with message"},
	{"activity-create-late", false, "creating the activity takes delay_ms more"},
	{"activity-destroy", false, "destroying the activity fails with message"},
	{"exec", false, "the exe-unit refuses the script with message"},
	{"deploy", false, "the deploy command fails with message"},
	{"start", false, "the start command fails with message"},
	{"run", false, "the run command fails with message, without having run"},
	{"transfer", false, "the transfer command fails with message"},
	{"kill", false, "the exe-unit dies when it gets a script"},
	{"slow", false, "each command takes delay_ms more"},
	{"lose-output", false, "a command's output event does not reach the stream"},
	{"debit-note", false, "a debit note is not sent"},
	{"debit-note-sum", false, "a debit note asks for ten times what is due"},
	{"invoice", false, "the invoice is not sent"},
	{"invoice-sum", false, "the invoice asks for ten times what is due"},
	{"accept", false, "accepting a document fails: the provider does not answer"},
	{"unreachable", false, "a call to the provider is not answered"},
	{"swap", false, "a websocket message to an instance is overtaken by those behind it, beside chance"},
	{"keep-order", false, "a websocket message to an instance is not overtaken"},
	{"cut-websocket", false, "a websocket to an instance breaks off (skip: after so many messages)"},
	{"silent-websocket", false, "a websocket to an instance goes silent, and stays open"},
	{NULL, false, NULL},
};

static const struct fault_point *find_point(const char *name)
{
	for (const struct fault_point *point = fault_points; point->name; point++)
		if (!strcmp(point->name, name))
			return point;
	return NULL;
}

struct faults *faults_new(void)
{
	struct faults *faults = mem_alloc(sizeof(*faults));
	faults->seed = 1;
	return faults;
}

static void free_fault(struct fault *fault)
{
	free(fault->method);
	free(fault->route);
	free(fault->provider);
	free(fault->body);
	free(fault->type);
	free(fault->message);
	free(fault);
}

void fault_clear(struct faults *faults)
{
	struct fault *fault, *next;
	LL_FOREACH_SAFE (faults->list, fault, next)
		free_fault(fault);
	faults->list = NULL;
	faults->count = 0;
}

void faults_free(struct faults *faults)
{
	if (!faults)
		return;
	fault_clear(faults);
	free(faults);
}

static bool is_turn(struct faults *faults, struct fault *fault)
{
	if (!fault->count)
		return false;
	if (fault->skip) {
		fault->skip--;
		return false;
	}
	if (fault->probability < 1 && rand_r(&faults->seed) >= fault->probability * RAND_MAX)
		return false;
	if (fault->count > 0)
		fault->count--;
	fault->hits++;
	return true;
}

static const struct fault_point *must_find(const char *name, bool http)
{
	const struct fault_point *point = find_point(name);
	if (point && point->http == http)
		return point;
	fprintf(stderr, "golem-devnet: no fault point is called \"%s\"\n", name);
	abort();
}

const struct fault *fault_hit(struct devnet *devnet, const char *name, const struct provider *provider)
{
	const struct fault_point *point = must_find(name, false);
	struct fault *fault;
	LL_FOREACH (devnet->faults->list, fault) {
		if (fault->point != point)
			continue;
		if (fault->provider && (!provider || (strcmp(fault->provider, provider->name) &&
						      strcasecmp(fault->provider, provider->node_id))))
			continue;
		if (is_turn(devnet->faults, fault))
			return fault;
	}
	return NULL;
}

bool fault_hits(struct devnet *devnet, const char *point, const struct provider *provider)
{
	return fault_hit(devnet, point, provider) != NULL;
}

static bool route_matches(const char *wanted, const char *route)
{
	size_t len = strlen(wanted);
	if (len && wanted[len - 1] == '*')
		return !strncmp(wanted, route, len - 1);
	return !strcmp(wanted, route);
}

const struct fault *fault_hit_route(struct devnet *devnet, const char *name, const char *method,
				    const char *route)
{
	const struct fault_point *point = must_find(name, true);
	struct fault *fault;
	LL_FOREACH (devnet->faults->list, fault)
		if (fault->point == point && (!fault->method || !strcmp(fault->method, method)) &&
		    (!fault->route || route_matches(fault->route, route)) && is_turn(devnet->faults, fault))
			return fault;
	return NULL;
}

static char *text_or_null(const cJSON *description, const char *key, struct err *err)
{
	const char *text = json_string_or(description, key, NULL, err);
	return text ? mem_strdup(text) : NULL;
}

static void read_fault(struct fault *fault, const cJSON *from, struct err *err)
{
	fault->point = find_point(json_string(from, "point", err));
	fault->method = text_or_null(from, "method", err);
	fault->route = text_or_null(from, "route", err);
	fault->provider = text_or_null(from, "provider", err);
	fault->count = (long)json_integer_or(from, "count", -1, 1000000000, -1, err);
	fault->skip = (long)json_integer_or(from, "skip", 0, 1000000000, 0, err);
	fault->probability = json_number_or(from, "probability", 1, err);
	fault->status = (int)json_integer_or(from, "status", 200, 599, 500, err);
	fault->body = mem_strdup(json_string_or(from, "body", "", err));
	fault->type = mem_strdup(json_string_or(from, "type", "application/json", err));
	fault->message = mem_strdup(json_string_or(from, "message", "", err));
	fault->delay_ms = (unsigned)json_integer_or(from, "delay_ms", 0, 3600000, 0, err);
	fault->size = (size_t)json_integer_or(from, "size", 0, SIZE_MAX_BYTES, 0, err);
	if (!err->code && !fault->point)
		err_set(err, EINVAL, "no fault point is called \"%s\"", json_string(from, "point", err));
	else if (!err->code && !fault->point->http && (fault->route || fault->method))
		err_set(err, EINVAL, "\"%s\" happens inside a provider: it has no route or method",
			fault->point->name);
	else if (!err->code && fault->point->http && fault->provider)
		err_set(err, EINVAL, "\"%s\" happens to a request: it has no provider", fault->point->name);
}

static bool keys_known(const cJSON *description, struct err *err)
{
	static const char *const keys[] = {"point",   "method",      "route",  "provider", "count",
					   "skip",    "probability", "status", "body",     "type",
					   "message", "delay_ms",    "size"};
	const cJSON *member;
	cJSON_ArrayForEach (member, description) {
		bool known = false;
		for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
			known |= !strcmp(keys[i], member->string);
		if (!known)
			return err_set(err, EINVAL, "a fault has no \"%s\"", member->string), false;
	}
	return true;
}

const struct fault *fault_add(struct faults *faults, const cJSON *description, char *why)
{
	struct err err = {0};
	struct fault *fault = mem_alloc(sizeof(*fault));
	if (!cJSON_IsObject(description))
		err_set(&err, EINVAL, "a fault is a JSON object");
	else if (faults->count >= FAULTS_MAX)
		err_set(&err, ENOSPC, "there are %d faults already", FAULTS_MAX);
	else if (keys_known(description, &err))
		read_fault(fault, description, &err);
	if (err.code) {
		snprintf(why, WHY_SIZE, "%.*s", WHY_SIZE - 1, err.text);
		free_fault(fault);
		return NULL;
	}
	fault->id = ++faults->last_id;
	faults->count++;
	LL_APPEND(faults->list, fault);
	return fault;
}

bool fault_remove(struct faults *faults, unsigned id)
{
	struct fault *fault;
	LL_SEARCH_SCALAR(faults->list, fault, id, id);
	if (!fault)
		return false;
	LL_DELETE(faults->list, fault);
	faults->count--;
	free_fault(fault);
	return true;
}

static cJSON *show(const struct fault *fault)
{
	cJSON *row = cJSON_CreateObject();
	cJSON_AddNumberToObject(row, "id", fault->id);
	cJSON_AddStringToObject(row, "point", fault->point->name);
	if (fault->method)
		cJSON_AddStringToObject(row, "method", fault->method);
	if (fault->route)
		cJSON_AddStringToObject(row, "route", fault->route);
	if (fault->provider)
		cJSON_AddStringToObject(row, "provider", fault->provider);
	cJSON_AddNumberToObject(row, "count", (double)fault->count);
	cJSON_AddNumberToObject(row, "skip", (double)fault->skip);
	cJSON_AddNumberToObject(row, "probability", fault->probability);
	cJSON_AddNumberToObject(row, "hits", (double)fault->hits);
	return row;
}

cJSON *fault_list(const struct faults *faults)
{
	cJSON *list = cJSON_CreateArray();
	const struct fault *fault;
	LL_FOREACH (faults->list, fault)
		cJSON_AddItemToArray(list, show(fault));
	return list;
}
