/* golemfs: options, background, wiring, exit codes (0: left in order, 1: not, 2: wrong options). */
#include <stdio.h>
#include <unistd.h>

#include "core/mem.h"
#include "fs/change.h"
#include "fs/daemonise.h"
#include "fs/devnet.h"
#include "fs/fs.h"
#include "fs/help.h"
#include "fs/leave.h"
#include "fs/mount.h"
#include "fs/options.h"
#include "fs/session.h"

enum { EXIT_USAGE = 2, FIRST_TRY_MS = 3000 };

/* Everything of one run, in the order it is made. */
struct daemon {
	struct options options;
	char *path;
	struct session *session;
	int report; /* where the waiting parent listens; -1: nowhere */
	struct devnet devnet;
	struct loop *loop;
	struct golem *golem;
	struct loop_timer *first_try;
	struct fs *fs;
	struct leave *leave;
	struct mount *mount;
};

static int print_reference(void)
{
	BUF_AUTO struct buf text = {0};

	help_reference(&text);
	fputs(buf_text(&text), stdout);
	return EXIT_SUCCESS;
}

static int start_core(struct daemon *daemon, struct err *err)
{
	struct options *options = &daemon->options;
	struct devnet *devnet = &daemon->devnet;
	struct golem_options golem = {
		.url = devnet->url ? devnet->url : options->url,
		.appkey = devnet->appkey ? devnet->appkey : options->appkey,
		.state_dir = options->state_dir,
		.registry_url = options->registry_url ? options->registry_url : devnet->url,
		.all_networks = options->all_networks,
	};

	if (options_make_parents(options->state_dir, err) < 0)
		return -1;
	daemon->loop = loop_new();
	if (!daemon->loop)
		return err_set(err, errno, "no event loop: %s", strerror(errno));
	daemon->golem = golem_new(daemon->loop, &golem, err);
	return daemon->golem ? 0 : -1;
}

static void on_root_changed(void *context, struct obj *obj, enum obj_aspect aspect)
{
	struct daemon *daemon = context;

	if (golem_asked(daemon->golem))
		loop_stop(daemon->loop);
}

static void on_first_try_late(void *context)
{
	struct daemon *daemon = context;

	daemon->first_try = NULL;
	loop_stop(daemon->loop);
}

/* Nobody is let in before yagna has been tried: the first request would be refused for no reason. */
static void try_yagna(struct daemon *daemon)
{
	struct obj_observer observer = {.changed = on_root_changed, .context = daemon};

	golem_observe(daemon->golem, &observer);
	golem_start(daemon->golem);
	daemon->first_try = loop_after(daemon->loop, FIRST_TRY_MS, on_first_try_late, daemon);
	if (!golem_asked(daemon->golem))
		loop_run(daemon->loop);
	loop_cancel(&daemon->first_try);
}

static int start_mount(struct daemon *daemon, struct err *err)
{
	daemon->fs = fs_new(daemon->loop, daemon->golem);
	session_serve(daemon->session, daemon->fs);
	if (session_mount(daemon->session, daemon->path, err) < 0)
		return -1;
	change_observe(daemon->fs);
	daemon->leave = leave_new(daemon->fs, daemon->options.keep);
	daemon->mount = mount_watch(daemon->loop, daemon->path, leave_begin, daemon->leave);
	session_start(daemon->session, daemon->loop, leave_begin, daemon->leave);
	return 0;
}

static int start(struct daemon *daemon, struct err *err)
{
	if (daemon->options.devnet && devnet_start(&daemon->devnet, daemon->options.devnet_words, err) < 0)
		return -1;
	if (start_core(daemon, err) < 0)
		return -1;
	try_yagna(daemon);
	if (start_mount(daemon, err) < 0)
		return -1;
	/* The daemon pins no other mount, and no path of it is relative from here on. */
	return chdir("/") < 0 ? err_set(err, errno, "/: %s", strerror(errno)) : 0;
}

/* What can be said before the fork: everything that does not depend on the child. */
static int prepare(struct daemon *daemon, struct err *err)
{
	struct options *options = &daemon->options;
	MEM_AUTO char *state = NULL;

	daemon->session = session_new(&options->fuse, err);
	if (!daemon->session || mount_prepare(options->mountpoint, &daemon->path, err) < 0)
		return -1;
	if (!options->state_dir)
		options->state_dir = options_default_state_dir(options, daemon->path, err);
	if (!options->state_dir)
		return -1;
	if (options->state_dir[0] != '/') {
		MEM_AUTO char *here = getcwd(NULL, 0);

		state = mem_printf("%s/%s", here ? here : "", options->state_dir);
		free(options->state_dir);
		options->state_dir = mem_move(&state);
	}
	if (options->foreground)
		return 0;
	daemon->report = daemonise();
	return daemon->report < 0 ? err_set(err, errno, "no child process: %s", strerror(errno)) : 0;
}

static void report(struct daemon *daemon, const struct err *err)
{
	if (daemon->report >= 0)
		daemonise_report(daemon->report, err);
	else if (err)
		fprintf(stderr, "golemfs: %s\n", err->text);
	daemon->report = -1;
}

/* Backwards; each takes what start() has not reached as NULL. The mount goes before what serves it. */
static void stop(struct daemon *daemon)
{
	if (daemon->fs)
		daemon->fs->leaving = true;
	/* By its number: another filesystem may stand at the path by now. */
	if (daemon->session && mount_there(daemon->mount))
		session_unmount(daemon->session);
	else if (daemon->session)
		session_abandon(daemon->session);
	mount_clear(daemon->mount);
	mount_free(daemon->mount);
	leave_free(daemon->leave);
	fs_free(daemon->fs);
	if (daemon->golem)
		golem_free(daemon->golem);
	session_free(daemon->session);
	if (daemon->loop)
		loop_free(daemon->loop);
	devnet_stop(&daemon->devnet);
	free(daemon->path);
	options_free(&daemon->options);
}

int main(int argc, char **argv)
{
	struct daemon daemon = {.report = -1};
	struct err err = {0};
	int code = EXIT_FAILURE;

	if (options_read(&daemon.options, argc, argv, &err) < 0) {
		fprintf(stderr, "golemfs: %s\n", err.text);
		options_free(&daemon.options);
		return EXIT_USAGE;
	}
	if (daemon.options.help || daemon.options.version || daemon.options.reference) {
		if (daemon.options.help)
			options_usage();
		else if (daemon.options.version)
			puts("golemfs " GOLEMFS_VERSION);
		else
			print_reference();
		options_free(&daemon.options);
		return EXIT_SUCCESS;
	}
	if (prepare(&daemon, &err) < 0 || start(&daemon, &err) < 0) {
		report(&daemon, &err);
	} else {
		report(&daemon, NULL);
		loop_run(daemon.loop);
		code = leave_exit_code(daemon.leave);
	}
	stop(&daemon);
	return code;
}
