#include "fs/session.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/mem.h"
#include "fs/ops.h"

/* Requests answered before timers and other descriptors have their turn. */
enum { DRAIN = 64 };

struct session {
	struct fuse_session *fuse;
	struct fs *fs; /* what libfuse gives each request */
	struct fuse_buf buf;
	struct loop_watch *watch;
	loop_call gone;
	void *context;
	bool mounted;
};

/* libfuse says on its log, in pieces, what is wrong with an option; the last line of it is the sentence. */
static char last_complaint[ERR_TEXT_MAX];

__attribute__((format(printf, 2, 0))) static void on_fuse_log(enum fuse_log_level level, const char *format,
							      va_list arguments)
{
	if (level > FUSE_LOG_ERR) {
		vfprintf(stderr, format, arguments);
		return;
	}
	if (strchr(last_complaint, '\n'))
		last_complaint[0] = '\0';
	vsnprintf(last_complaint + strlen(last_complaint), sizeof last_complaint - strlen(last_complaint),
		  format, arguments);
}

static void complain(struct err *err, int code, const char *otherwise)
{
	const char *text = last_complaint;

	last_complaint[strcspn(last_complaint, "\n")] = '\0';
	if (strncmp(text, "fuse: ", 6) == 0)
		text += 6;
	err_set(err, code, "%s", *text ? text : otherwise);
	last_complaint[0] = '\0';
}

struct session *session_new(struct fuse_args *args, struct err *err)
{
	struct session *session = mem_alloc(sizeof *session);

	fuse_set_log_func(on_fuse_log);
	session->fuse = fuse_session_new(args, &ops, sizeof ops, &session->fs);
	if (session->fuse)
		return session;
	complain(err, EINVAL, "libfuse refuses the options");
	free(session);
	return NULL;
}

void session_serve(struct session *session, struct fs *fs)
{
	session->fs = fs;
	fs->session = session->fuse;
}

static void take_device(struct session *session)
{
	int fd = fuse_session_fd(session->fuse);

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	session->fs->device = fd;
}

int session_mount(struct session *session, const char *mountpoint, struct err *err)
{
	if (fuse_session_mount(session->fuse, mountpoint) != 0) {
		complain(err, errno ? errno : EIO, "the mount failed");
		return -1;
	}
	session->mounted = true;
	take_device(session);
	return 0;
}

static ssize_t socket_writev(int fd, struct iovec *parts, int count, void *context)
{
	return writev(fd, parts, count);
}

static ssize_t socket_read(int fd, void *data, size_t len, void *context)
{
	return recv(fd, data, len, MSG_DONTWAIT);
}

int session_attach(struct session *session, int fd, struct err *err)
{
	static const struct fuse_custom_io io = {.writev = socket_writev, .read = socket_read};

	if (fuse_session_custom_io(session->fuse, &io, fd) != 0)
		return err_set(err, EINVAL, "libfuse refuses the socket");
	take_device(session);
	return 0;
}

static void session_gone(struct session *session)
{
	loop_unwatch(&session->watch);
	session->fs->session = NULL;
	session->gone(session->context);
}

/* Whatever the readiness says, try: an abort of the mount shows as an error of the descriptor only. */
static void on_ready(void *context, int readiness)
{
	struct session *session = context;

	for (int i = 0; i < DRAIN; i++) {
		int got = fuse_session_receive_buf(session->fuse, &session->buf);

		if (got == -EINTR)
			continue;
		if (got == -EAGAIN)
			return;
		if (got <= 0) {
			session_gone(session);
			return;
		}
		fuse_session_process_buf(session->fuse, &session->buf);
		if (fuse_session_exited(session->fuse)) {
			session_gone(session);
			return;
		}
	}
}

void session_start(struct session *session, struct loop *loop, loop_call gone, void *context)
{
	session->gone = gone;
	session->context = context;
	session->watch = loop_watch(loop, session->fs->device, LOOP_READ, on_ready, session);
}

void session_unmount(struct session *session)
{
	loop_unwatch(&session->watch);
	if (session->mounted)
		fuse_session_unmount(session->fuse);
	session->mounted = false;
}

/* libfuse unmounts by path unless the descriptor shows an error. After a lazy unmount with somebody inside it shows
 * none, and something else may stand at the path: so it is given a descriptor that does, a pipe nobody reads. */
void session_abandon(struct session *session)
{
	int pipes[2];

	if (session->mounted && pipe2(pipes, O_CLOEXEC) == 0) {
		close(pipes[0]);
		dup3(pipes[1], session->fs->device, O_CLOEXEC);
		close(pipes[1]);
		session_unmount(session);
	}
}

void session_free(struct session *session)
{
	if (!session)
		return;
	loop_unwatch(&session->watch);
	fuse_session_destroy(session->fuse);
	free(session->buf.mem);
	free(session);
}
