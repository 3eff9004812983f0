/* The market's constraint language, with the daemon's words where a filter cannot be read. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/devnet/constraint.h"

static const char offer[] =
	"{\"golem.inf.mem.gib\":0.5,\"golem.inf.cpu.threads\":4,\"golem.runtime.name\":\"vm\","
	"\"golem.runtime.version\":\"0.5.10\",\"golem.runtime.capabilities\":[\"inet\",\"vpn\"],"
	"\"golem.com.payment.protocol.version\":3,\"golem.srv.caps.multi-activity\":true,"
	"\"golem.node.id.name\":\"prov-*1\",\"price\":\"0.10\",\"born\":\"2026-01-01T00:00:00+02:00\","
	"\"nothing\":null,\"object\":{},\"mixed\":[1,\"a\",null],\"numbers\":[1,2.5],\"raw\":7}";

struct verdict {
	const char *filter;
	enum constraint_result result;
	const char *missing; /* names joined with commas */
};

static const struct verdict verdicts[] = {
	{"()", CONSTRAINT_TRUE, ""},
	{"(&)", CONSTRAINT_TRUE, ""},
	{"(|)", CONSTRAINT_FALSE, ""},
	{"(golem.runtime.name=vm)", CONSTRAINT_TRUE, ""},
	{"(golem.runtime.name=v*)", CONSTRAINT_TRUE, ""},
	{"(golem.runtime.name=v*m*)", CONSTRAINT_TRUE, ""},
	{"(golem.runtime.name=VM)", CONSTRAINT_FALSE, ""},
	{"(golem.runtime.name=vm )", CONSTRAINT_FALSE, ""},
	{"( golem.runtime.name=vm)", CONSTRAINT_TRUE, ""},
	{"(golem.inf.mem.gib>=0.5)", CONSTRAINT_TRUE, ""},
	{"(golem.inf.mem.gib>0.5)", CONSTRAINT_FALSE, ""},
	{"(golem.inf.mem.gib<=5e-1)", CONSTRAINT_TRUE, ""},
	{"(golem.inf.mem.gib<1)", CONSTRAINT_TRUE, ""},
	{"(golem.inf.mem.gib=.5)", CONSTRAINT_TRUE, ""},
	{"(golem.inf.mem.gib= 0.5)", CONSTRAINT_FALSE, ""},
	{"(golem.inf.mem.gib=0x1)", CONSTRAINT_FALSE, ""},
	{"(golem.inf.mem.gib>=much)", CONSTRAINT_FALSE, ""},
	{"(golem.runtime.capabilities=vpn)", CONSTRAINT_TRUE, ""},
	{"(golem.runtime.capabilities=v*)", CONSTRAINT_TRUE, ""},
	{"(golem.runtime.capabilities=gpu)", CONSTRAINT_FALSE, ""},
	{"(golem.runtime.capabilities=[vpn,inet])", CONSTRAINT_TRUE, ""},
	{"(golem.runtime.capabilities=[vpn, inet])", CONSTRAINT_TRUE, ""},
	{"(golem.runtime.capabilities=[vpn])", CONSTRAINT_FALSE, ""},
	{"(golem.runtime.capabilities>a)", CONSTRAINT_FALSE, ""},
	{"(numbers=2.5)", CONSTRAINT_TRUE, ""},
	{"(golem.srv.caps.multi-activity=true)", CONSTRAINT_TRUE, ""},
	{"(golem.srv.caps.multi-activity=True)", CONSTRAINT_FALSE, ""},
	{"(golem.com.payment.protocol.version>1)", CONSTRAINT_TRUE, ""},
	{"(golem.runtime.version>=0.5.2)", CONSTRAINT_FALSE, ""}, /* as texts */
	{"(golem.runtime.version$v>=0.5.2)", CONSTRAINT_TRUE, ""},
	{"(golem.runtime.version$v>=0.5.10-rc1)", CONSTRAINT_TRUE, ""},
	{"(golem.runtime.version$v=0.5)", CONSTRAINT_FALSE, ""},
	{"(golem.runtime.name$v>0.1.0)", CONSTRAINT_UNDEFINED, ""},
	{"(golem.inf.mem.gib$d=0.5)", CONSTRAINT_UNDEFINED, ""}, /* only texts are converted */
	{"(price$d=0.1)", CONSTRAINT_TRUE, ""},
	{"(price$d<0.0999999999999999999999999)", CONSTRAINT_FALSE, ""},
	{"(price=0.1)", CONSTRAINT_FALSE, ""},
	{"(born$t=2025-12-31T22:00:00Z)", CONSTRAINT_TRUE, ""},
	{"(born$t>2025-12-31T22:00:00.001Z)", CONSTRAINT_FALSE, ""},
	{"(golem.runtime.name=*)", CONSTRAINT_TRUE, ""},
	{"(golem.runtime.name[a]=*)", CONSTRAINT_FALSE, "golem.runtime.name[a]"},
	{"(golem.runtime.name[a]=x)", CONSTRAINT_UNDEFINED, "golem.runtime.name[a]"},
	{"(absent=*)", CONSTRAINT_FALSE, "absent"},
	{"(absent=x)", CONSTRAINT_UNDEFINED, "absent"},
	{"(nothing=x)", CONSTRAINT_UNDEFINED, "nothing"},
	{"(object=*)", CONSTRAINT_FALSE, "object"},
	{"(mixed=a)", CONSTRAINT_UNDEFINED, "mixed"},
	{"(!(absent=x))", CONSTRAINT_UNDEFINED, "absent"},
	{"(!(absent=*))", CONSTRAINT_TRUE, ""},
	{"(!(golem.runtime.name=vm))", CONSTRAINT_FALSE, ""},
	{"(&(a=1)(b=2)(golem.runtime.name=vm))", CONSTRAINT_UNDEFINED, "a,b"},
	{"(&(a=1)(golem.runtime.name=wasm)(b=2))", CONSTRAINT_FALSE, ""},
	{"(|(a=1)(golem.runtime.name=vm))", CONSTRAINT_TRUE, ""},
	{"(|(a=1)(golem.runtime.name=wasm))", CONSTRAINT_UNDEFINED, "a"},
	{"(&(golem.runtime.name=vm)\n\t(golem.inf.cpu.threads>=1)\n)", CONSTRAINT_TRUE, ""},
	{"(golem.runtime.name=vm) and what follows", CONSTRAINT_TRUE, ""},
	{"(&(a)(golem.runtime.name=vm))", CONSTRAINT_UNDEFINED, "a)(golem.runtime.name"},
};

static void check_verdict(const struct verdict *given, const cJSON *properties)
{
	struct constraint *constraint = constraint_parse(given->filter, NULL, NULL);
	cJSON *missing = cJSON_CreateArray();
	struct buf names BUF_AUTO = {0};
	const cJSON *name;

	printf("# %s\n", given->filter);
	assert(constraint);
	assert(constraint_evaluate(constraint, properties, missing) == given->result);
	cJSON_ArrayForEach (name, missing)
		buf_printf(&names, "%s%s", names.len ? "," : "", name->valuestring);
	assert(!strcmp(buf_text(&names), given->missing));
	assert(constraint_evaluate(constraint, properties, NULL) == given->result);
	cJSON_Delete(missing);
	constraint_free(constraint);
}

struct refusal {
	const char *filter, *why;
	bool building;
};

static const struct refusal refusals[] = {
	{"(((", "Incomplete expression: Size(5)", false}, /* recorded */
	{"", "Incomplete expression: Size(2)", false},
	{"(", "Incomplete expression: Size(2)", false},
	{"(&(a=b)", "Incomplete expression: Size(8)", false},
	{"(a=*", "Incomplete expression: Size(5)", false},
	{"nonsense", "Parsing error: Alternative", false},
	{"(a=b", "Parsing error: Alternative", false},
	{"(a=*b)", "Parsing error: Alternative", false},
	{"(a~=b)", "Parsing error: Alternative", false},
	{"(a[b=c)",
	 "Error parsing property reference a[b: Parse error Parsing no aspect no type error: unexpected text "
	 "[b",
	 true},
	{"(a$dx=c)",
	 "Error parsing property reference a$dx: Parse error Parsing no aspect type error: unexpected text x",
	 true},
};

static void check_refusal(const struct refusal *given)
{
	struct buf why BUF_AUTO = {0};
	bool building = !given->building;

	printf("# %s\n", given->filter);
	assert(!constraint_parse(given->filter, &building, &why));
	assert(building == given->building);
	assert(!strcmp(buf_text(&why), given->why));
}

/* A filter nested without end is refused before the stack is. */
static void check_depth(void)
{
	struct buf text BUF_AUTO = {0};

	for (unsigned i = 0; i < 1000000; i++)
		buf_adds(&text, "(!");
	assert(!constraint_parse(buf_text(&text), NULL, NULL));
}

int main(void)
{
	cJSON *properties = cJSON_Parse(offer);

	assert(properties);
	for (unsigned i = 0; i < sizeof(verdicts) / sizeof(*verdicts); i++)
		check_verdict(&verdicts[i], properties);
	for (unsigned i = 0; i < sizeof(refusals) / sizeof(*refusals); i++)
		check_refusal(&refusals[i]);
	check_depth();
	cJSON_Delete(properties);
	return 0;
}
