#include "core/settings.h"

#include <ctype.h>
#include <regex.h>
#include <string.h>

#include "core/mem.h"
#include "core/obj.h"
#include "core/range.h"
#include "core/text.h"

static const char blanks[] = " \t\r\n,";

static char *next_provider(const char **cursor);

/* How a value is checked. */
struct rule {
	int (*check)(const struct rule *rule, const char *value, struct err *err);
	double low, high;
};

static int check_text(const struct rule *rule, const char *value, struct err *err)
{
	for (const char *c = value; *c; c++)
		if (iscntrl((unsigned char)*c))
			return err_set(err, EINVAL, "it holds a control character");
	return 0;
}

/* For words that end up inside a constraint, where parentheses and stars have a meaning. */
static int check_word(const struct rule *rule, const char *value, struct err *err)
{
	static const char fine[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:!/-";

	if (value[strspn(value, fine)])
		return err_set(err, EINVAL, "it may hold letters, digits and _ . : ! / - only");
	return 0;
}

static int check_words(const struct rule *rule, const char *value, struct err *err)
{
	for (char *item; (item = setting_next_item(&value)); free(item))
		if (check_word(rule, item, err)) {
			free(item);
			return -1;
		}
	return 0;
}

static int check_number(const struct rule *rule, const char *value, struct err *err)
{
	double number;

	return text_number(value, rule->low, rule->high, &number, err);
}

static int check_integer(const struct rule *rule, const char *value, struct err *err)
{
	uint64_t number;

	return text_integer(value, (uint64_t)rule->low, (uint64_t)rule->high, &number, err);
}

static int check_duration(const struct rule *rule, const char *value, struct err *err)
{
	uint64_t ms;

	return text_duration(value, &ms, err);
}

static int check_glm(const struct rule *rule, const char *value, struct err *err)
{
	DECIMAL_AUTO struct decimal amount = decimal_zero();

	if (decimal_parse(&amount, value, err))
		return -1;
	if (decimal_sign(&amount) < 0)
		return err_set(err, EINVAL, "an amount of GLM is not negative");
	if (decimal_to_double(&amount) > rule->high)
		return err_set(err, EINVAL, "more GLM than there is");
	return 0;
}

static int check_regex(const char *item, struct err *err)
{
	MEM_AUTO char *pattern = mem_strdup(item + 1);
	size_t len = strlen(pattern);
	regex_t regex;

	if (len < 2 || pattern[len - 1] != '/')
		return err_set(err, EINVAL, "the expression %s does not end with /", item);
	/* repetitions inside repetitions make regcomp() take all the memory there is */
	if (len > 200 || (strchr(pattern, '{') && strchr(strchr(pattern, '{') + 1, '{')))
		return err_set(err, EINVAL, "the expression is longer than 200 bytes or has more than one {");
	pattern[len - 1] = '\0';
	if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB))
		return err_set(err, EINVAL, "%s is not a regular expression", item);
	regfree(&regex);
	return 0;
}

static int check_providers(const struct rule *rule, const char *value, struct err *err)
{
	for (char *item; (item = next_provider(&value)); free(item))
		if (*item == '/' && check_regex(item, err)) {
			free(item);
			return -1;
		}
	return 0;
}

static bool is_hex(const char *text, size_t len)
{
	return strlen(text) == len && text[strspn(text, "0123456789abcdefABCDEF")] == '\0';
}

/* SHA3-224: 56 hexadecimal digits (reference/yagna-api.md 3.3). */
static int check_image(const struct rule *rule, const char *value, struct err *err)
{
	const char *hash = strchr(value, '#');

	if (check_text(rule, value, err))
		return -1;
	if (strncmp(value, "sha3:", 5) == 0)
		return is_hex(value + 5, 56)
			       ? 0
			       : err_set(err, EINVAL, "sha3: is followed by 56 hexadecimal digits");
	if (strstr(value, "://"))
		return hash && is_hex(hash + 1, 56)
			       ? 0
			       : err_set(err, EINVAL,
					 "a URL is followed by # and the 56 digits of its SHA3-224");
	if (strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:/-") !=
		    strlen(value) ||
	    !strchr(value, '/') || *value == '/' || *value == '.')
		return err_set(err, EINVAL,
			       "an image is USER/NAME:TAG of the registry, sha3:HASH or URL#HASH");
	return 0;
}

static int check_path(const char *path, struct err *err)
{
	if (*path != '/')
		return err_set(err, EINVAL, "\"%s\" is not an absolute path", path);
	return 0;
}

static bool looks_like_range(const char *text)
{
	return strpbrk(text, "/:") || text[strspn(text, "0123456789.")] == '\0';
}

static int check_network_names(const char *value, struct err *err)
{
	unsigned count = 0;
	char *item;

	for (; (item = setting_next_item(&value)); free(item))
		if (obj_check_name(item, err) ||
		    (looks_like_range(item) &&
		     err_set(err, EINVAL, "one range stands alone, or there are names")) ||
		    (++count > NETWORKS_MAX && err_set(err, EINVAL, "more than %d networks", NETWORKS_MAX)))
			break;
	free(item);
	return item || !count ? -1 : 0;
}

static int check_networking(const struct rule *rule, const char *value, struct err *err)
{
	struct range range;

	switch (setting_networking(value)) {
	case NETWORKING_RANGE:
		return range_parse(&range, value, err);
	case NETWORKING_NAMES:
		return check_network_names(value, err);
	default:
		return 0;
	}
}

static int check_workdir(const struct rule *rule, const char *value, struct err *err)
{
	return check_text(rule, value, err) || check_path(value, err) ? -1 : 0;
}

static int check_volumes(const struct rule *rule, const char *value, struct err *err)
{
	for (char *item; (item = setting_next_item(&value)); free(item))
		if (check_path(item, err)) {
			free(item);
			return -1;
		}
	return 0;
}

/* Lines NAME=VALUE; empty ones and those that begin with # are passed over. */
static int check_env(const struct rule *rule, const char *value, struct err *err)
{
	static const char name_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

	while (*value) {
		size_t len = strcspn(value, "\n"), name = strspn(value, name_chars);

		if (len && *value != '#' && (!name || isdigit((unsigned char)*value) || value[name] != '='))
			return err_set(err, EINVAL, "the line \"%.*s\" is not NAME=VALUE",
				       (int)(len > 60 ? 60 : len), value);
		value += len + (value[len] == '\n');
	}
	return 0;
}

static int check_agent(const struct rule *rule, const char *value, struct err *err)
{
	if (strcmp(value, "auto") != 0 && strcmp(value, "no") != 0)
		return err_set(err, EINVAL, "it is auto or no");
	return 0;
}

static int check_script(const struct rule *rule, const char *value, struct err *err)
{
	return 0;
}

/* Payment networks and their drivers: the words of a platform name, which yagna wants in lower case. */
static int check_lower(const struct rule *rule, const char *value, struct err *err)
{
	if (value[strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789")])
		return err_set(err, EINVAL, "it is a word of lower case letters and digits");
	return 0;
}

#define GLM_MAX 1e9 /* there are no more */

static const struct setting table[SETTINGS + 1] = {
	[SET_IMAGE] = {"image", "golem/alpine:latest",
		       "Image of the machine: USER/NAME:TAG of the registry, sha3:HASH, or URL#HASH.", 0},
	[SET_RUNTIME] = {"runtime", "vm", "Runtime that providers must offer.", 0},
	[SET_CAPABILITIES] = {"capabilities", "", "Capabilities the runtime must have, such as vpn or inet.",
			      0},
	[SET_MIN_CPU_THREADS] = {"min_cpu_threads", "1",
				 "Least number of threads; prices are compared for as many.", 0},
	[SET_MIN_CPU_CORES] = {"min_cpu_cores", "1", "Least number of cores.", 0},
	[SET_MIN_MEM_GIB] = {"min_mem_gib", "0.5", "Least memory, GiB.", 0},
	[SET_MIN_STORAGE_GIB] = {"min_storage_gib", "2", "Least storage, GiB.", 0},
	[SET_SUBNET] = {"subnet", "public", "Subnet of the market.", 0},
	[SET_NETWORKING] = {"networking", "no",
			    "no; yes: a private network on a free range; a range, such as 10.0.0.0/24: a "
			    "private network "
			    "on it; names or ids of networks under networks/, in the order in which an "
			    "instance has them.",
			    0},
	[SET_RENT_HOURS] = {"rent_hours", "1",
			    "Longest rental of an instance, hours; nothing is prolonged by itself.", 0},
	[SET_MAX_INSTANCES] = {"max_instances", NULL,
			       "Most instances at a time; 1 where money is real, else 100.", SETTING_ALWAYS},
	[SET_MAX_GLM_PER_HOUR] = {"max_glm_per_hour", "",
				  "Highest price of an instance, GLM per hour; needed where money is real.",
				  SETTING_ALWAYS},
	[SET_MAX_START_PRICE] = {"max_start_price", "", "Highest start price, GLM.", 0},
	[SET_MAX_CPU_PER_HOUR_PRICE] = {"max_cpu_per_hour_price", "",
					"Highest price of a thread, GLM per hour.", 0},
	[SET_MAX_ENV_PER_HOUR_PRICE] = {"max_env_per_hour_price", "",
					"Highest price of the machine beside its threads, GLM per hour.", 0},
	[SET_BUDGET] =
		{"budget", NULL,
		 "Most GLM to be spent in all; max_glm_per_hour * rent_hours * max_instances, on a test "
		 "network 10.",
		 SETTING_ALWAYS},
	[SET_PAYMENT_NETWORK] = {"payment_network", NULL,
				 "Network to pay on; a test network if yagna has an account on one.", 0},
	[SET_PAYMENT_DRIVER] = {"payment_driver", "erc20", "Payment driver.", 0},
	[SET_WITH_PROVIDERS] = {"with_providers", "", "Only these providers: ids, names or /regex/.", 0},
	[SET_WITHOUT_PROVIDERS] = {"without_providers", "", "None of these providers: ids, names or /regex/.",
				   0},
	[SET_VOLUMES] = {"volumes", "",
			 "Directories that outlive the image's file system, one path per line.",
			 SETTING_BYTES},
	[SET_ENV] = {"env", "", "Environment of the commands, one NAME=VALUE per line.", SETTING_BYTES},
	[SET_WORKDIR] = {"workdir", "", "Working directory of the commands; the image's if empty.", 0},
	[SET_RENT_TIMEOUT] = {"rent_timeout", "300", "Longest wait for an agreement.", 0},
	[SET_AGENT] =
		{"agent", "auto",
		 "auto: commands go through an agent where the image can run it; no: by plain requests.", 0},
	[SET_DEPLOY_TIMEOUT] = {"deploy_timeout", "300",
				"Longest time from the agreement to a ready machine.", 0},
	[SET_COMMAND_TIMEOUT] = {"command_timeout", "0", "Longest run of a command; 0 is without end.", 0},
	[SET_OUTPUT_LIMIT] = {"output_limit_mib", "1024",
			      "Bytes kept of each output of a command, MiB; the oldest are dropped beyond.",
			      0},
	[SET_IDLE_TIMEOUT] = {"idle_timeout", "0",
			      "An instance without a command for so long is stopped; 0: never.", 0},
	[SET_SETUP] = {"setup", "", "Script run on an instance before it is ready.", SETTING_BYTES},
	[SET_TEARDOWN] = {"teardown", "", "Script run on an instance before it is stopped.", SETTING_BYTES},
};

static const struct rule rules[SETTINGS] = {
	[SET_IMAGE] = {check_image},
	[SET_RUNTIME] = {check_word},
	[SET_CAPABILITIES] = {check_words},
	[SET_MIN_CPU_THREADS] = {check_integer, 1, 4096},
	[SET_MIN_CPU_CORES] = {check_integer, 1, 4096},
	[SET_MIN_MEM_GIB] = {check_number, 0.001, 1e6},
	[SET_MIN_STORAGE_GIB] = {check_number, 0, 1e6},
	[SET_SUBNET] = {check_word},
	[SET_NETWORKING] = {check_networking},
	/* providers refuse what expires within five minutes: reference/yagna-api.md 3.6 */
	[SET_RENT_HOURS] = {check_number, 0.1, 24 * 365},
	[SET_MAX_INSTANCES] = {check_integer, 1, 100000},
	[SET_MAX_GLM_PER_HOUR] = {check_glm, 0, GLM_MAX},
	[SET_MAX_START_PRICE] = {check_glm, 0, GLM_MAX},
	[SET_MAX_CPU_PER_HOUR_PRICE] = {check_glm, 0, GLM_MAX},
	[SET_MAX_ENV_PER_HOUR_PRICE] = {check_glm, 0, GLM_MAX},
	[SET_BUDGET] = {check_glm, 0, GLM_MAX},
	[SET_PAYMENT_NETWORK] = {check_lower},
	[SET_PAYMENT_DRIVER] = {check_lower},
	[SET_WITH_PROVIDERS] = {check_providers},
	[SET_WITHOUT_PROVIDERS] = {check_providers},
	[SET_VOLUMES] = {check_volumes},
	[SET_ENV] = {check_env},
	[SET_WORKDIR] = {check_workdir},
	[SET_RENT_TIMEOUT] = {check_duration},
	[SET_AGENT] = {check_agent},
	[SET_DEPLOY_TIMEOUT] = {check_duration},
	[SET_COMMAND_TIMEOUT] = {check_duration},
	/* the agent keeps 64 KiB at least */
	[SET_OUTPUT_LIMIT] = {check_number, 0.0625, 1 << 20},
	[SET_IDLE_TIMEOUT] = {check_duration},
	[SET_SETUP] = {check_script},
	[SET_TEARDOWN] = {check_script},
};

enum networking setting_networking(const char *text)
{
	if (strcmp(text, "no") == 0)
		return NETWORKING_NO;
	if (strcmp(text, "yes") == 0)
		return NETWORKING_YES;
	return looks_like_range(text) ? NETWORKING_RANGE : NETWORKING_NAMES;
}

const struct setting *settings(void)
{
	return table;
}

const struct setting *setting_find(const char *name, struct err *err)
{
	for (const struct setting *setting = table; setting->name; setting++)
		if (strcmp(setting->name, name) == 0)
			return setting;
	err_set(err, EINVAL, "there is no setting \"%.60s\"", name);
	return NULL;
}

enum setting_id setting_id(const struct setting *setting)
{
	return (enum setting_id)(setting - table);
}

void values_free(struct values *values)
{
	for (int id = 0; id < SETTINGS; id++)
		free(values->text[id]);
	memset(values, 0, sizeof(*values));
}

int values_set(struct values *values, enum setting_id id, const char *value, size_t len, struct err *err)
{
	MEM_AUTO char *text = NULL;
	struct err why = {0};

	if (memchr(value, '\0', len))
		return err_set(err, EINVAL, "%s: the value holds a NUL byte", table[id].name);
	if (!(table[id].flags & SETTING_BYTES))
		while (len && value[len - 1] == '\n')
			len--;
	text = mem_alloc(len + 1);
	memcpy(text, value, len);
	if (len && rules[id].check(&rules[id], text, &why))
		return err_set(err, why.code, "%s=%.60s: %s", table[id].name, text, why.text);
	free(values->text[id]);
	values->text[id] = len ? mem_move(&text) : NULL;
	return 0;
}

const char *values_text(const struct values *own, const struct values *base, enum setting_id id)
{
	if (own && own->text[id])
		return own->text[id];
	if (base && base->text[id])
		return base->text[id];
	return table[id].fallback;
}

double setting_number(const char *text)
{
	return strtod(text, NULL);
}

uint64_t setting_ms(const char *text)
{
	uint64_t ms = 0;

	text_duration(text, &ms, NULL);
	return ms;
}

void setting_glm(const char *text, struct decimal *out)
{
	if (decimal_parse(out, text, NULL))
		decimal_from_int(out, 0);
}

static char *cut(const char **cursor, const char *begin, size_t len)
{
	char *item = mem_alloc(len + 1);

	memcpy(item, begin, len);
	*cursor = begin + len;
	return item;
}

char *setting_next_item(const char **cursor)
{
	const char *begin = *cursor + strspn(*cursor, blanks);

	return *begin ? cut(cursor, begin, strcspn(begin, blanks)) : NULL;
}

/* As above, but an item that begins with a slash is an expression: blanks and commas belong to it, and it ends
 * with the first slash before one. */
static char *next_provider(const char **cursor)
{
	const char *begin = *cursor + strspn(*cursor, blanks), *end = begin + 1;

	if (*begin != '/')
		return setting_next_item(cursor);
	while (*end && !(*end == '/' && (!end[1] || strchr(blanks, end[1]))))
		end++;
	return cut(cursor, begin, (size_t)(end + (*end == '/') - begin));
}

static bool matches(const char *item, const char *id, const char *name)
{
	MEM_AUTO char *pattern = NULL;
	regex_t regex;
	bool found;

	if (*item != '/')
		return strcasecmp(item, id) == 0 || strcmp(item, name) == 0;
	pattern = mem_strdup(item + 1);
	pattern[strlen(pattern) - 1] = '\0'; /* the closing slash: check_regex() saw it */
	if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB))
		return false;
	found = regexec(&regex, name, 0, NULL, 0) == 0 || regexec(&regex, id, 0, NULL, 0) == 0;
	regfree(&regex);
	return found;
}

bool setting_lists_provider(const char *list, const char *id, const char *name)
{
	bool found = false;

	for (char *item; !found && (item = next_provider(&list)); free(item))
		found = matches(item, id, name);
	return found;
}
