#include "fs/options.h"

#include <ctype.h>
#include <fcntl.h>
#include <getopt.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fuse_lowlevel.h>

#include "core/buf.h"
#include "core/mem.h"

enum { KEY_MAX = 4096 };

static const char usage[] =
	"usage: golemfs [options] MOUNTPOINT\n"
	"       mount -t fuse.golemfs URL|devnet MOUNTPOINT [-o ...]\n"
	"\n"
	"    --devnet[=OPTIONS]     start a local network (golem-devnet) and use it; OPTIONS are passed to "
	"it,\n"
	"                           e.g. --devnet=--fast\n"
	"    --url=URL              of yagna (default: $YAGNA_API_URL, else http://127.0.0.1:7465)\n"
	"    --appkey-file=FILE     holds the app key (default: $YAGNA_APPKEY)\n"
	"    --state-dir=DIR        where rentals are written down (default: one per yagna below\n"
	"                           $XDG_STATE_HOME/golemfs or ~/.local/state/golemfs)\n"
	"    --print-reference      print the reference of the tree and exit\n"
	"    -f                     stay in the foreground\n"
	"    -d, -o debug           foreground, and print every request\n"
	"    -h, --help             this text\n"
	"    -V, --version          the version\n"
	"    -o keep                leave what is rented for the next start\n"
	"    -o all-networks        show the networks of other programs too, by id\n"
	"    -o url=, appkey_file=, state_dir=, devnet[=]   as above, for fstab\n"
	"\n"
	"$GOLEM_REGISTRY_URL names another image registry.\n\n";

void options_usage(void)
{
	fputs(usage, stdout);
	fuse_lowlevel_help();
}

enum { LONG_URL = 256, LONG_APPKEY_FILE, LONG_STATE_DIR, LONG_DEVNET, LONG_REFERENCE };

static const struct option long_options[] = {
	{"url", required_argument, NULL, LONG_URL},
	{"appkey-file", required_argument, NULL, LONG_APPKEY_FILE},
	{"state-dir", required_argument, NULL, LONG_STATE_DIR},
	{"devnet", optional_argument, NULL, LONG_DEVNET},
	{"print-reference", no_argument, NULL, LONG_REFERENCE},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{0},
};

#define WORD(template, field, value)                                                                         \
	{                                                                                                    \
		template, offsetof(struct options, field), value                                             \
	}
static const struct fuse_opt words[] = {
	WORD("keep", keep, 1),
	WORD("all-networks", all_networks, 1),
	WORD("debug", debug, 1),
	WORD("url=%s", url, 0),
	WORD("appkey_file=%s", appkey_file, 0),
	WORD("state_dir=%s", state_dir, 0),
	WORD("devnet=%s", devnet_words, 0),
	WORD("devnet", devnet, 1),
	FUSE_OPT_END,
};

static void keep_text(char **place, const char *text)
{
	free(*place);
	*place = mem_strdup(text);
}

static int take_short(struct options *options, int option)
{
	switch (option) {
	case 'f':
		return options->foreground = 1;
	case 'd':
		return options->foreground = options->debug = 1;
	case 'h':
		return options->help = 1;
	case 'V':
		return options->version = 1;
	case 's': /* there is one thread anyway */
	case 'n': /* mount(8): do not write mtab */
	case 'v':
		return 1;
	case 'o':
		fuse_opt_add_arg(&options->fuse, "-o");
		fuse_opt_add_arg(&options->fuse, optarg);
		return 1;
	case LONG_URL:
		keep_text(&options->url, optarg);
		return 1;
	case LONG_APPKEY_FILE:
		keep_text(&options->appkey_file, optarg);
		return 1;
	case LONG_STATE_DIR:
		keep_text(&options->state_dir, optarg);
		return 1;
	case LONG_DEVNET:
		keep_text(&options->devnet_words, optarg ? optarg : "");
		return options->devnet = 1;
	case LONG_REFERENCE:
		return options->reference = 1;
	}
	return 0;
}

static int take_options(struct options *options, int argc, char **argv, struct err *err)
{
	int option;

	opterr = 0;
	optind = 1;
	while ((option = getopt_long(argc, argv, ":fdhVsnvo:", long_options, NULL)) != -1) {
		if (option == ':')
			return err_set(err, EINVAL, "the option \"%s\" needs a value", argv[optind - 1]);
		if (option == '?' && optopt && optopt < 256)
			return err_set(err, EINVAL, "unknown option \"-%c\"", optopt);
		if (option == '?')
			return err_set(err, EINVAL, "unknown option \"%s\"", argv[optind - 1]);
		take_short(options, option);
	}
	return 0;
}

/* One name is the mount point; two are what mount(8) gives: the source, and the mount point. */
static int take_names(struct options *options, int argc, char **argv, struct err *err)
{
	const char *source = argc - optind == 2 ? argv[optind] : NULL;

	if (argc - optind < 1)
		return err_set(err, EINVAL, "where shall it be mounted? golemfs [options] MOUNTPOINT");
	if (argc - optind > 2)
		return err_set(err, EINVAL, "too many names: \"%s\"", argv[optind + 2]);
	keep_text(&options->mountpoint, argv[argc - 1]);
	if (!source || strcmp(source, "golemfs") == 0 || strcmp(source, "none") == 0)
		return 0;
	if (strcmp(source, "devnet") == 0)
		options->devnet = 1;
	else if (strstr(source, "://"))
		keep_text(&options->url, source);
	else
		return err_set(err, EINVAL, "\"%s\" is neither the URL of a yagna nor the word devnet",
			       source);
	return 0;
}

static int read_key(struct options *options, struct err *err)
{
	const char *key = getenv("YAGNA_APPKEY");
	char text[KEY_MAX + 1];
	ssize_t got;
	int fd;

	if (!options->appkey_file) {
		options->appkey = key && *key ? mem_strdup(key) : NULL;
		return 0;
	}
	fd = open(options->appkey_file, O_RDONLY | O_CLOEXEC);
	got = fd < 0 ? -1 : read(fd, text, KEY_MAX);
	if (got < 0)
		err_set(err, errno, "the app key file %s: %s", options->appkey_file, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (got < 0)
		return -1;
	text[got] = '\0';
	text[strcspn(text, " \t\r\n")] = '\0';
	if (!text[0])
		return err_set(err, EINVAL, "the app key file %s is empty", options->appkey_file);
	options->appkey = mem_strdup(text);
	return 0;
}

static void take_environment(struct options *options)
{
	const char *url = getenv("YAGNA_API_URL");
	const char *registry = getenv("GOLEM_REGISTRY_URL");

	if (!options->url)
		options->url = mem_strdup(url && *url ? url : "http://127.0.0.1:7465");
	/* A local network has its own, unless another is asked for. */
	if (registry && *registry)
		options->registry_url = mem_strdup(registry);
	else if (!options->devnet)
		options->registry_url = mem_strdup("https://registry.golem.network");
}

/* What the mount table and df show. */
static void name_source(struct options *options)
{
	MEM_AUTO char *source = NULL;

	source = mem_printf("-ofsname=%s,subtype=golemfs,default_permissions",
			    options->devnet ? "devnet" : options->url);
	fuse_opt_add_arg(&options->fuse, source);
	if (options->debug)
		fuse_opt_add_arg(&options->fuse, "-odebug");
}

int options_read(struct options *options, int argc, char **argv, struct err *err)
{
	*options = (struct options){0};
	fuse_opt_add_arg(&options->fuse, argv[0]);
	if (take_options(options, argc, argv, err) < 0)
		return -1;
	if (options->help || options->version || options->reference)
		return 0;
	if (take_names(options, argc, argv, err) < 0)
		return -1;
	if (fuse_opt_parse(&options->fuse, options, words, NULL) < 0)
		return err_set(err, EINVAL, "the -o options cannot be read");
	options->foreground |= options->debug;
	options->devnet |= options->devnet_words != NULL;
	if (!options->devnet_words)
		options->devnet_words = mem_strdup("");
	take_environment(options);
	name_source(options);
	return read_key(options, err);
}

void options_free(struct options *options)
{
	char *texts[] = {options->mountpoint,  options->url,       options->appkey,
			 options->appkey_file, options->state_dir, options->registry_url,
			 options->devnet_words};

	for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++)
		free(texts[i]);
	fuse_opt_free_args(&options->fuse);
}

char *options_default_state_dir(const struct options *options, const char *mountpoint, struct err *err)
{
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	BUF_AUTO struct buf path = {0};

	if (state && state[0] == '/') {
		buf_printf(&path, "%s/golemfs/", state);
	} else if (home && home[0] == '/') {
		buf_printf(&path, "%s/.local/state/golemfs/", home);
	} else {
		err_set(err, EINVAL, "neither XDG_STATE_HOME nor HOME is set: use --state-dir");
		return NULL;
	}
	buf_adds(&path, options->devnet ? "devnet" : "");
	for (const char *c = options->devnet ? mountpoint : options->url; *c; c++)
		buf_addc(&path, isalnum((unsigned char)*c) || *c == '.' ? *c : '_');
	return buf_take(&path);
}

int options_make_parents(const char *path, struct err *err)
{
	MEM_AUTO char *copy = mem_strdup(path);

	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, 0700) < 0 && errno != EEXIST)
			return err_set(err, errno, "%s: %s", copy, strerror(errno));
		*slash = '/';
	}
	return 0;
}
