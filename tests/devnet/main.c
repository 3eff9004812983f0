/* golem-devnet: options, the making and the taking down of the network. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include "core/err.h"
#include "core/mem.h"
#include "core/text.h"
#include "tests/devnet/devnet.h"
#include "tests/devnet/digest.h"
#include "tests/devnet/fault.h"
#include "tests/devnet/latency.h"
#include "tests/devnet/parts.h"
#include "tests/devnet/provider.h"
#include "tests/devnet/serde.h"
#include "tests/devnet/server.h"
#include "tests/devnet/work_dir.h"

/* Measured: 4 to 14 of 100 messages sent at once (reference/yagna-api.md 6.4). */
enum { SWAP_DEFAULT = 12, DESCRIPTORS = 16384 };
enum { PROVIDERS_DEFAULT = 8, WHY_SIZE = 200, EXIT_USAGE = 2 };

struct options {
	char *host;
	unsigned port;
	const char *appkey, *subnet, *funds, *parent_dir;
	enum latency_mood mood;
	unsigned providers;
	unsigned swap_percent;
	bool with_parent;
	bool ends; /* -h, -V: done */
};

static const char usage[] =
	"usage: golem-devnet [options]\n"
	"A whole Golem network in one process: a yagna with providers that really run programs.\n"
	"\n"
	"  --listen HOST:PORT  address of the REST API (default 127.0.0.1:7465; port 0 picks one)\n"
	"  --appkey KEY        the app key clients must send (default: $YAGNA_APPKEY, else \"devnet\")\n"
	"  --subnet NAME       subnet of the providers (default \"public\")\n"
	"  --providers N       how many providers there are (default 8; one of eight rejects)\n"
	"  --funds GLM         what the requestor owns (default: whatever it asks for)\n"
	"  --swap PERCENT      websocket messages to an instance that others overtake (default 12)\n"
	"  --fast              nothing takes longer than it must\n"
	"  --real              times as measured on a real network\n"
	"  --work-dir DIR      where the instances' files are kept while it runs (default: $TMPDIR or /tmp)\n"
	"  --with-parent       end when the process that started it ends\n"
	"  -h, --help          this text\n"
	"  -V, --version       the version\n"
	"\n"
	"Prints \"listening on URL\" when it is ready; ends on SIGTERM or SIGINT and leaves nothing "
	"behind.\n";

static bool take_listen(struct options *options, const char *value)
{
	struct err err = {0};
	const char *colon = strrchr(value, ':');
	uint64_t port = 0;
	struct sockaddr_in address;
	if (!colon || text_integer(colon + 1, 0, 65535, &port, &err))
		return false;
	free(options->host);
	options->host = mem_printf("%.*s", (int)(colon - value), value);
	options->port = (unsigned)port;
	return !uv_ip4_addr(options->host, 0, &address);
}

static bool take_providers(struct options *options, const char *value)
{
	struct err err = {0};
	uint64_t count;
	if (text_integer(value, 0, PROVIDERS_MAX, &count, &err))
		return false;
	options->providers = (unsigned)count;
	return true;
}

static bool take_appkey(struct options *options, const char *value)
{
	options->appkey = value;
	return *value;
}

static bool take_subnet(struct options *options, const char *value)
{
	options->subnet = value;
	return *value && !value[strcspn(value, "()=*\\")];
}

static bool take_funds(struct options *options, const char *value)
{
	options->funds = value;
	return *value != '-' && !serde_parse_decimal(value);
}

static bool take_work_dir(struct options *options, const char *value)
{
	options->parent_dir = value;
	return *value;
}

static bool take_swap(struct options *options, const char *value)
{
	struct err err = {0};
	uint64_t percent;
	if (text_integer(value, 0, 100, &percent, &err))
		return false;
	options->swap_percent = (unsigned)percent;
	return true;
}

static bool take_fast(struct options *options, const char *value)
{
	options->mood = LATENCY_FAST;
	return true;
}

static bool take_real(struct options *options, const char *value)
{
	options->mood = LATENCY_REAL;
	return true;
}

static bool take_with_parent(struct options *options, const char *value)
{
	options->with_parent = true;
	return true;
}

static bool take_help(struct options *options, const char *value)
{
	fputs(usage, stdout);
	options->ends = true;
	return true;
}

static bool take_version(struct options *options, const char *value)
{
	puts("golem-devnet " GOLEMFS_VERSION " (answers as yagna 0.17.6)");
	options->ends = true;
	return true;
}

static const struct option_row {
	const char *name;
	int letter;
	bool argument;
	bool (*take)(struct options *options, const char *value);
} option_rows[] = {
	{"listen", 0, true, take_listen},      {"appkey", 0, true, take_appkey},
	{"subnet", 0, true, take_subnet},      {"providers", 0, true, take_providers},
	{"funds", 0, true, take_funds},        {"work-dir", 0, true, take_work_dir},
	{"swap", 0, true, take_swap},          {"fast", 0, false, take_fast},
	{"real", 0, false, take_real},         {"help", 'h', false, take_help},
	{"version", 'V', false, take_version}, {"with-parent", 0, false, take_with_parent},
};
enum { OPTIONS = sizeof(option_rows) / sizeof(*option_rows), FIRST_VALUE = 256 };

static bool refuse_option(const char *word, const char *why)
{
	fprintf(stderr, "golem-devnet: %s: %s\nTry 'golem-devnet --help'.\n", word, why);
	return false;
}

static const struct option_row *find_row(int value)
{
	if (value >= FIRST_VALUE)
		return &option_rows[value - FIRST_VALUE];
	for (size_t i = 0; i < OPTIONS; i++)
		if (option_rows[i].letter == value)
			return &option_rows[i];
	return NULL;
}

static bool read_options(struct options *options, int argc, char **argv)
{
	struct option table[OPTIONS + 1] = {0};
	for (size_t i = 0; i < OPTIONS; i++) {
		table[i].name = option_rows[i].name;
		table[i].has_arg = option_rows[i].argument ? required_argument : no_argument;
		table[i].val = FIRST_VALUE + (int)i;
	}
	opterr = 0;
	int value;
	while (!options->ends && (value = getopt_long(argc, argv, ":hV", table, NULL)) >= 0) {
		const char *word = argv[optind - 1];
		if (value == ':')
			return refuse_option(word, "needs a value");
		if (value == '?')
			return refuse_option(word, "no such option");
		const struct option_row *row = find_row(value);
		MEM_AUTO char *name = mem_printf("--%s", row->name);
		MEM_AUTO char *why = mem_printf("\"%s\" is no value for it", optarg ? optarg : "");
		if (!row->take(options, optarg))
			return refuse_option(name, why);
	}
	return optind == argc || options->ends ? true : refuse_option(argv[optind], "no such option");
}

static void on_end(void *context)
{
	loop_stop(context);
}

static void end_with_parent(const struct options *options, pid_t parent)
{
	if (!options->with_parent)
		return;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent) /* it ended before the request was made */
		raise(SIGTERM);
}

static void serve(struct devnet *devnet, const struct options *options, pid_t parent)
{
	struct loop_signal *term = loop_on_signal(devnet->loop, SIGTERM, on_end, devnet->loop);
	struct loop_signal *interrupt = loop_on_signal(devnet->loop, SIGINT, on_end, devnet->loop);
	struct loop_signal *hangup = loop_on_signal(devnet->loop, SIGHUP, on_end, devnet->loop);
	end_with_parent(options, parent);
	printf("listening on http://%s:%u\n", server_host(devnet->server), server_port(devnet->server));
	fflush(stdout);
	loop_run(devnet->loop);
	loop_off_signal(&term);
	loop_off_signal(&interrupt);
	loop_off_signal(&hangup);
}

static int run(const struct options *options, pid_t parent)
{
	char why[WHY_SIZE];
	char identity[43];
	char hex[DIGEST_HEX_MAX];
	int status = EXIT_FAILURE;
	digest_hex(DIGEST_SHA1, options->appkey, strlen(options->appkey), hex);
	snprintf(identity, sizeof(identity), "0x%.40s", hex);
	struct work_dir dir;
	bool made = work_dir_make(&dir, options->parent_dir) == 0;
	struct devnet devnet = {.appkey = options->appkey,
				.identity = identity,
				.subnet = options->subnet,
				.platform = "erc20-hoodi-tglm",
				.funds = options->funds,
				.work_dir = dir.path,
				.latencies = latency_of(options->mood),
				.swap_rate = options->swap_percent / 100.0,
				.swap_seed = 1};
	devnet.loop = made ? loop_new() : NULL;
	if (!devnet.loop) {
		fprintf(stderr, "golem-devnet: cannot start: %s\n", strerror(errno));
		goto out;
	}
	devnet.faults = faults_new();
	provider_make(&devnet, options->providers);
	parts_make(&devnet);
	devnet.server = server_new(&devnet, options->host, options->port, why);
	if (devnet.server) {
		serve(&devnet, options, parent);
		status = EXIT_SUCCESS;
		server_free(devnet.server);
		uv_run(loop_uv(devnet.loop), UV_RUN_NOWAIT); /* the connections' users are told */
	} else {
		fprintf(stderr, "golem-devnet: %s\n", why);
	}
	parts_free(&devnet);
	provider_free_all(&devnet);
	faults_free(devnet.faults);
out:
	if (devnet.loop)
		loop_free(devnet.loop);
	work_dir_remove(&dir);
	return status;
}

/* A thousand websockets are two thousand descriptors. */
static void allow_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= DESCRIPTORS)
		return;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	pid_t parent = getppid();
	const char *key = getenv("YAGNA_APPKEY");
	struct options options = {.host = mem_strdup("127.0.0.1"),
				  .port = 7465,
				  .appkey = key && *key ? key : "devnet",
				  .subnet = "public",
				  .providers = PROVIDERS_DEFAULT,
				  .swap_percent = SWAP_DEFAULT};
	signal(SIGPIPE, SIG_IGN);
	allow_descriptors();
	int status = EXIT_USAGE;
	if (read_options(&options, argc, argv))
		status = options.ends ? EXIT_SUCCESS : run(&options, parent);
	free(options.host);
	return status;
}
