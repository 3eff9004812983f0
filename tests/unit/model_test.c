/* The pure parts of the model: settings, offers and their choice, demands, scripts. */
#include <cjson/cJSON.h>
#include <stdlib.h>

#include "core/demand.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/offer.h"
#include "core/script.h"
#include "tests/unit/check.h"

static int set(struct values *values, enum setting_id id, const char *value)
{
	return values_set(values, id, value, strlen(value), NULL);
}

/* --- settings ---------------------------------------------------------------------------------------------- */

static const struct {
	enum setting_id id;
	const char *value;
	bool fine;
} given[] = {
	{SET_IMAGE, "golem/alpine:latest", true},
	{SET_IMAGE, "sha3:0123456789abcdef0123456789abcdef0123456789abcdef01234567", true},
	{SET_IMAGE, "sha3:0123", false},
	{SET_IMAGE, "http://host/x.gvmi#0123456789abcdef0123456789abcdef0123456789abcdef01234567", true},
	{SET_IMAGE, "http://host/x.gvmi", false},
	{SET_IMAGE, "../x", false},
	{SET_MIN_CPU_THREADS, "4", true},
	{SET_MIN_CPU_THREADS, "0", false},
	{SET_MIN_CPU_THREADS, "four", false},
	{SET_MIN_MEM_GIB, "0.5", true},
	{SET_MIN_MEM_GIB, "nan", false},
	{SET_MIN_MEM_GIB, "-1", false},
	{SET_SUBNET, "public", true},
	{SET_SUBNET, "a)(b=c", false},
	{SET_CAPABILITIES, "vpn, inet !exp:gpu", true},
	{SET_CAPABILITIES, "vpn)", false},
	{SET_MAX_GLM_PER_HOUR, "0.25", true},
	{SET_MAX_GLM_PER_HOUR, "-0.25", false},
	{SET_MAX_GLM_PER_HOUR, "1 GLM", false},
	{SET_RENT_TIMEOUT, "90s", true},
	{SET_RENT_TIMEOUT, "2h", true},
	{SET_RENT_TIMEOUT, "soon", false},
	{SET_WITH_PROVIDERS, "/^al.*d$/ elder", true},
	{SET_WITH_PROVIDERS, "/(/", false},
	{SET_WITH_PROVIDERS, "/a{9}{9}/", false},
	{SET_WITH_PROVIDERS, "/open", false},
	{SET_ENV, "A=b c\n# no\nLONG_1=", true},
	{SET_ENV, "1A=b", false},
	{SET_ENV, "nothing", false},
	{SET_WORKDIR, "/work", true},
	{SET_WORKDIR, "work", false},
	{SET_VOLUMES, "/a\n/b", true},
	{SET_VOLUMES, "a", false},
	{SET_PAYMENT_NETWORK, "Hoodi", false},
};

static void each_value_is_judged_by_its_rule(void)
{
	for (size_t i = 0; i < sizeof(given) / sizeof(*given); i++) {
		struct values values = {0};

		if ((set(&values, given[i].id, given[i].value) == 0) != given[i].fine) {
			printf("# %s\n", given[i].value);
			CHECK(!"judged wrongly");
		}
		values_free(&values);
	}
}

static void an_empty_value_restores_the_default_and_a_bad_one_changes_nothing(void)
{
	struct values values = {0};

	CHECK(set(&values, SET_RENT_HOURS, "2") == 0);
	CHECK(set(&values, SET_RENT_HOURS, "two") == -1);
	CHECK_TEXT(values_text(&values, NULL, SET_RENT_HOURS), "2");
	CHECK(set(&values, SET_RENT_HOURS, "\n") == 0);
	CHECK_TEXT(values_text(&values, NULL, SET_RENT_HOURS), "1");
	values_free(&values);
}

static void an_instance_may_override_its_backend(void)
{
	struct values own = {0}, base = {0};

	set(&base, SET_WORKDIR, "/base");
	CHECK_TEXT(values_text(&own, &base, SET_WORKDIR), "/base");
	set(&own, SET_WORKDIR, "/own");
	CHECK_TEXT(values_text(&own, &base, SET_WORKDIR), "/own");
	CHECK_TEXT(values_text(NULL, &base, SET_WORKDIR), "/base");
	values_free(&own);
	values_free(&base);
}

static void providers_are_listed_by_id_name_or_expression(void)
{
	CHECK(setting_lists_provider("0xAB, elder", "0xab", "x"));
	CHECK(setting_lists_provider("0xAB, elder", "0x12", "elder"));
	CHECK(!setting_lists_provider("0xAB, elder", "0x12", "elderly"));
	CHECK(setting_lists_provider("/^el, ?d/", "0x12", "el, d"));
	CHECK(setting_lists_provider("x\n/^0x1/", "0x12", "y"));
	CHECK(!setting_lists_provider("", "0x12", "y"));
}

/* --- offers ------------------------------------------------------------------------------------------------ */

static cJSON *offer_of(const char *vector, const char *coeffs, const char *name)
{
	BUF_AUTO struct buf text = {0};
	struct err err = {0};

	buf_printf(&text,
		   "{\"golem.com.pricing.model\":\"linear\",\"golem.com.usage.vector\":%s,"
		   "\"golem.com.pricing.model.linear.coeffs\":%s,\"golem.node.id.name\":\"%s\","
		   "\"golem.com.payment.platform.erc20-hoodi-tglm.address\":\"0x1\"}",
		   vector, coeffs, name);
	return json_parse(text.data, text.len, EIO, &err);
}

static void the_usage_vector_is_mapped_by_name(void)
{
	JSON_AUTO cJSON *usual =
		offer_of("[\"golem.usage.duration_sec\",\"golem.usage.cpu_sec\"]", "[1,2,3]", "a");
	JSON_AUTO cJSON *other =
		offer_of("[\"golem.usage.cpu_sec\",\"golem.usage.duration_sec\"]", "[2,1,3]", "a");
	struct price a, b;

	CHECK(price_read(&a, usual, NULL) == 0 && price_read(&b, other, NULL) == 0);
	CHECK(a.env_per_hour == 3600 && a.cpu_per_hour == 7200 && a.start == 3);
	CHECK(b.env_per_hour == 3600 && b.cpu_per_hour == 7200);
	CHECK(price_per_hour(&a, 2) == 3600 + 2 * 7200);
}

static void a_price_that_is_not_understood_is_not_taken(void)
{
	static const char *const bad[][2] = {
		{"[\"golem.usage.gpu_sec\"]", "[1,0]"},
		{"[\"golem.usage.cpu_sec\"]", "[1]"},
		{"[\"golem.usage.cpu_sec\"]", "[-1,0]"},
		{"[\"golem.usage.cpu_sec\"]", "[1,\"x\"]"},
		{"[7]", "[1,0]"},
		{"{}", "[0]"},
		{"null", "null"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		JSON_AUTO cJSON *offer = offer_of(bad[i][0], bad[i][1], "a");
		struct price price;

		CHECK(price_read(&price, offer, NULL) == -1);
	}
}

static const char *status_of(struct values *values, const char *platform)
{
	static char status[200];
	JSON_AUTO cJSON *offer = offer_of("[\"golem.usage.duration_sec\"]", "[0.0001,0.5]", "elder");
	struct offer *offers = NULL;
	struct offer *learnt = offer_learn(&offers, "0x1", offer, values, platform);

	snprintf(status, sizeof(status), "%d %s", learnt->status, learnt->why ? learnt->why : "");
	offers_free(&offers);
	values_free(values);
	return status;
}

static void ceilings_and_filters_say_why(void)
{
	struct values values = {0};

	CHECK_TEXT(status_of(&values, "erc20-hoodi-tglm"), "0 ");
	CHECK(strstr(status_of(&values, "erc20-polygon-glm"), "4 filter: it cannot be paid"));
	set(&values, SET_MAX_GLM_PER_HOUR, "0.36");
	CHECK_TEXT(status_of(&values, NULL), "0 ");
	set(&values, SET_MAX_GLM_PER_HOUR, "0.35");
	CHECK(strstr(status_of(&values, NULL), "4 price: per hour 0.36 is above 0.35"));
	set(&values, SET_MAX_START_PRICE, "0.4");
	CHECK(strstr(status_of(&values, NULL), "4 price: start"));
	set(&values, SET_WITHOUT_PROVIDERS, "/eld/");
	CHECK(strstr(status_of(&values, NULL), "4 filter: in without_providers"));
	set(&values, SET_WITH_PROVIDERS, "oak");
	CHECK(strstr(status_of(&values, NULL), "4 filter: not in with_providers"));
}

static void the_cheapest_that_may_be_asked_is_next(void)
{
	static const char *const coeffs[] = {"[0.3,0]", "[0.1,0]", "[0.2,0]"};
	static const char *const ids[] = {"0x3", "0x1", "0x2"};
	struct offer *offers = NULL;
	struct values values = {0};

	for (int i = 0; i < 3; i++) {
		JSON_AUTO cJSON *properties = offer_of("[\"golem.usage.duration_sec\"]", coeffs[i], ids[i]);

		offer_learn(&offers, ids[i], properties, &values, NULL)->proposal = mem_strdup("R-1");
	}
	CHECK_TEXT(offer_cheapest(offers, OFFER_OPEN, 0)->provider, "0x1");
	offer_find(offers, "0x1")->not_before_ms = 100;
	CHECK_TEXT(offer_cheapest(offers, OFFER_OPEN, 99)->provider, "0x2");
	CHECK_TEXT(offer_cheapest(offers, OFFER_OPEN, 100)->provider, "0x1");
	offer_drop_proposals(offer_find(offers, "0x1"));
	CHECK_TEXT(offer_cheapest(offers, OFFER_OPEN, 100)->provider, "0x2");
	CHECK(!offer_cheapest(offers, OFFER_DRAFT, 100));
	offers_free(&offers);
}

/* --- demands ----------------------------------------------------------------------------------------------- */

static struct demand demand_of(struct values *values)
{
	static const char *const clauses[] = {"(golem.com.payment.protocol.version>1)"};
	cJSON *decorations = cJSON_CreateObject();
	struct yagna_decorations all = {decorations, clauses, 1};
	struct demand demand;

	cJSON_AddStringToObject(decorations, "golem.com.payment.protocol.version", "3");
	demand_build(&demand, values, "hash:sha3:00:http://x", &all, 1735725600000);
	cJSON_Delete(decorations);
	return demand;
}

static void a_demand_says_what_the_settings_want(void)
{
	struct values values = {0};
	struct demand demand;

	set(&values, SET_CAPABILITIES, "vpn inet");
	set(&values, SET_MIN_MEM_GIB, "1.5");
	demand = demand_of(&values);
	CHECK_TEXT(demand.constraints,
		   "(&(golem.com.pricing.model=linear)(golem.node.debug.subnet=public)(golem.runtime.name=vm)"
		   "(golem.runtime.capabilities=vpn)(golem.runtime.capabilities=inet)(golem.inf.mem.gib>=1.5)"
		   "(golem.inf.storage.gib>=2)(golem.inf.cpu.cores>=1)(golem.inf.cpu.threads>=1)"
		   "(golem.com.payment.protocol.version>1))");
	CHECK_TEXT(cJSON_GetStringValue(
			   cJSON_GetObjectItem(demand.properties, "golem.com.payment.protocol.version")),
		   "3");
	demand_free(&demand);
	values_free(&values);
}

static double number_in(const cJSON *object, const char *key)
{
	return cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static void a_counter_chooses_the_platform_and_never_asks_for_more_time_than_offered(void)
{
	static const char timeout[] = "golem.com.payment.debit-notes.accept-timeout?";
	struct values values = {0};
	struct demand demand = demand_of(&values);
	JSON_AUTO cJSON *less = demand_counter(&demand, "p", 60, 5);
	JSON_AUTO cJSON *more = demand_counter(&demand, "p", 240, 5);

	CHECK(number_in(less, timeout) == 60);
	CHECK(number_in(more, timeout) == DEMAND_ACCEPT_TIMEOUT_S);
	CHECK(number_in(more, "golem.srv.comp.expiration") == 5);
	CHECK(number_in(demand.properties, "golem.srv.comp.expiration") == 1735725600000);
	CHECK_TEXT(cJSON_GetStringValue(cJSON_GetObjectItem(more, "golem.com.payment.chosen-platform")), "p");
	demand_free(&demand);
}

/* --- scripts ----------------------------------------------------------------------------------------------- */

/* What the script's only run prints when this machine executes it, and its status. */
static int executed(const char *text, size_t len, const struct script_place *place, struct buf *out)
{
	JSON_AUTO cJSON *script = script_run(text, len, place);
	cJSON *args = cJSON_GetObjectItem(cJSON_GetObjectItem(script->child, "run"), "args"), *arg;
	BUF_AUTO struct buf line = {0};
	char piece[4096];
	size_t got;
	FILE *pipe;

	buf_adds(&line, "/bin/sh");
	cJSON_ArrayForEach (arg, args) {
		buf_adds(&line, " '");
		for (const char *c = arg->valuestring; *c; c++)
			*c == '\'' ? buf_adds(&line, "'\\''") : buf_addc(&line, *c);
		buf_adds(&line, "'");
	}
	buf_adds(&line, " 2>&1");
	pipe = popen(buf_text(&line), "r");
	while ((got = fread(piece, 1, sizeof(piece), pipe)) > 0)
		buf_add(out, piece, got);
	return WEXITSTATUS(pclose(pipe));
}

static const struct {
	const char *text, *env, *workdir, *prints;
	int status;
} runs[] = {
	{"echo $0 $#", "", "", "sh 0\n", 0},
	{"exit 3", "", "", "", 3},
	{"kill -TERM $$", "", "", "", 143},
	{"sh -c 'kill -KILL $$'; exit $?", "", "", "Killed\n", 137},
	{"cat <<X\nhe'r\"e\nX", "", "", "he'r\"e\n", 0},
	{"# nothing", "", "", "", 0},
	{"echo \"$A\" $PWD", "A=it's  \"so\"\n#B=1\n", "/usr", "it's  \"so\" /usr\n", 0},
	{"true", "", "/no/such", "sh: 1: cd: can't cd to /no/such\n", 126},
	{"[ -d / ] && echo [1]", "", "", "[1]\n", 0},
	{"[\"printf\", \"%s|\", \"a b\", \"$x\", \"it's\"]", "", "", "a b|$x|it's|", 0},
	{"[\"sh\", \"-c\", \"kill -USR1 $$\"]", "", "", "", 138},
};

static void a_script_does_what_the_command_says(void)
{
	for (size_t i = 0; i < sizeof(runs) / sizeof(*runs); i++) {
		BUF_AUTO struct buf out = {0};
		struct script_place place = {runs[i].env, runs[i].workdir};
		int status = executed(runs[i].text, strlen(runs[i].text), &place, &out);

		CHECK_TEXT(buf_text(&out), runs[i].prints);
		if (status != runs[i].status)
			printf("# %s: %d\n", runs[i].text, status);
		CHECK(status == runs[i].status);
	}
}

static void a_long_text_is_cut_into_arguments_between_characters(void)
{
	BUF_AUTO struct buf text = {0}, whole = {0};
	struct script_place place = {"", ""};
	cJSON *script, *args;

	buf_adds(&text, "#x");
	for (int i = 0; i < 100000; i++)
		buf_adds(&text, "\xe2\x82\xac");
	script = script_run(text.data, text.len, &place);
	args = cJSON_GetObjectItem(cJSON_GetObjectItem(script->child, "run"), "args");
	CHECK(cJSON_GetArraySize(args) == 3 + 4);
	for (int i = 3; i < cJSON_GetArraySize(args); i++) {
		const char *piece = cJSON_GetArrayItem(args, i)->valuestring;

		CHECK(strlen(piece) < 128 << 10 && ((unsigned char)*piece & 0xc0) != 0x80);
		buf_adds(&whole, piece);
	}
	CHECK(strcmp(buf_text(&whole), buf_text(&text)) == 0);
	cJSON_Delete(script);
}

static void a_vector_holds_texts_only(void)
{
	static const struct {
		const char *text;
		int answer;
	} vectors[] = {
		{"[\"a\"]", 0}, {"[]", -1}, {"[\"a\", 1]", -1}, {"[ -f x ]", 0}, {"echo [1]", 0}, {"[1", 0},
	};

	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++)
		CHECK(script_check(vectors[i].text, strlen(vectors[i].text), NULL) == vectors[i].answer);
}

static void a_deploy_script_says_what_its_commands_are(void)
{
	struct script_place place = {"", ""};
	enum script_stage stages[STAGES], more[STAGES];
	JSON_AUTO cJSON *first = script_deploy("/a\n/b", NULL, false, NULL, "", &place, stages);
	JSON_AUTO cJSON *again = script_deploy("", NULL, true, NULL, "make", &place, more);
	BUF_AUTO struct buf text = {0};

	json_print(first, &text);
	CHECK_TEXT(buf_text(&text), "[{\"deploy\":{\"volumes\":[\"/a\",\"/b\"]}},{\"start\":{}}]");
	CHECK(stages[0] == STAGE_DEPLOY && stages[1] == STAGE_START);
	CHECK(cJSON_GetArraySize(again) == 4);
	CHECK(more[0] == STAGE_TERMINATE && more[3] == STAGE_SETUP);
	CHECK_TEXT(script_stage_name(more[3]), "setup");
}

int main(void)
{
	TEST(each_value_is_judged_by_its_rule);
	TEST(an_empty_value_restores_the_default_and_a_bad_one_changes_nothing);
	TEST(an_instance_may_override_its_backend);
	TEST(providers_are_listed_by_id_name_or_expression);
	TEST(the_usage_vector_is_mapped_by_name);
	TEST(a_price_that_is_not_understood_is_not_taken);
	TEST(ceilings_and_filters_say_why);
	TEST(the_cheapest_that_may_be_asked_is_next);
	TEST(a_demand_says_what_the_settings_want);
	TEST(a_counter_chooses_the_platform_and_never_asks_for_more_time_than_offered);
	TEST(a_script_does_what_the_command_says);
	TEST(a_long_text_is_cut_into_arguments_between_characters);
	TEST(a_vector_holds_texts_only);
	TEST(a_deploy_script_says_what_its_commands_are);
	return check_end();
}
