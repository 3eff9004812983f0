#include "tests/unit/fake_kernel.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utlist.h>
#include <uv.h>

#include "core/buf.h"
#include "core/mem.h"
#include "fs/change.h"
#include "fs/fs.h"
#include "fs/session.h"

enum { FILES = 4096, PACKET = 1 << 18 };

struct packet {
	uint64_t unique;
	int code;
	size_t len;
	char *data;
	struct packet *prev, *next;
};

/* What the kernel remembers of a handle. */
struct file {
	uint64_t ino, offset;
	uint32_t flags;
};

struct kernel {
	struct loop *loop;
	struct golem *golem;
	struct session *session;
	struct fs *fs;
	int fd; /* our end of the socket */
	uint64_t unique;
	unsigned notices[16];
	struct packet *packets;
	struct buf last;
	struct file files[FILES];
	bool gone;
};

static void on_gone(void *context)
{
	((struct kernel *)context)->gone = true;
}

static void receive(struct kernel *kernel)
{
	static char packet[PACKET];
	ssize_t got;

	while ((got = recv(kernel->fd, packet, sizeof packet, MSG_DONTWAIT)) > 0) {
		const struct fuse_out_header *header = (const struct fuse_out_header *)packet;
		struct packet *kept;

		assert(got >= (ssize_t)sizeof *header && header->len == got);
		if (header->unique == 0) {
			kernel->notices[header->error & 15]++;
			continue;
		}
		kept = mem_alloc(sizeof *kept);
		kept->unique = header->unique;
		kept->code = -header->error;
		kept->len = (size_t)got - sizeof *header;
		kept->data = mem_dup(packet + sizeof *header, kept->len);
		DL_APPEND(kernel->packets, kept);
	}
}

void kernel_turn(struct kernel *kernel)
{
	/* A request, its deferred calls, and what those deferred. */
	for (int i = 0; i < 4; i++) {
		uv_run(loop_uv(kernel->loop), UV_RUN_NOWAIT);
		receive(kernel);
	}
}

void kernel_raw(struct kernel *kernel, const void *data, size_t len)
{
	(void)!send(kernel->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	kernel_turn(kernel);
}

uint64_t kernel_send(struct kernel *kernel, uint32_t opcode, uint64_t ino, const void *data, size_t len)
{
	struct fuse_in_header header = {
		.len = (uint32_t)(sizeof header + len),
		.opcode = opcode,
		.unique = ++kernel->unique,
		.nodeid = ino,
		.pid = 42,
	};
	BUF_AUTO struct buf packet = {0};

	buf_add(&packet, &header, sizeof header);
	if (len)
		buf_add(&packet, data, len);
	kernel_raw(kernel, packet.data, packet.len);
	return header.unique;
}

struct reply kernel_reply(struct kernel *kernel, uint64_t unique)
{
	struct reply reply = {0};
	struct packet *packet;

	receive(kernel);
	DL_SEARCH_SCALAR(kernel->packets, packet, unique, unique);
	if (!packet)
		return reply;
	DL_DELETE(kernel->packets, packet);
	buf_clear(&kernel->last);
	if (packet->len)
		buf_add(&kernel->last, packet->data, packet->len);
	reply = (struct reply){true, packet->code, packet->len, buf_text(&kernel->last)};
	free(packet->data);
	free(packet);
	return reply;
}

struct reply kernel_call(struct kernel *kernel, uint32_t opcode, uint64_t ino, const void *data, size_t len)
{
	return kernel_reply(kernel, kernel_send(kernel, opcode, ino, data, len));
}

static void initialise(struct kernel *kernel)
{
	struct fuse_init_in init = {.major = 7, .minor = 38, .flags = FUSE_ATOMIC_O_TRUNC | FUSE_BIG_WRITES};
	struct reply reply = kernel_call(kernel, FUSE_INIT, 0, &init, sizeof init);

	assert(reply.there && reply.code == 0);
}

struct kernel *kernel_new(void)
{
	struct kernel *kernel = mem_alloc(sizeof *kernel);
	struct golem_options options = {.url = "http://127.0.0.1:1", .state_dir = "/tmp"};
	char *argv[] = {"golemfs", NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct err err = {0};
	int sockets[2], size = 1 << 22;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		abort();
	setsockopt(sockets[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	kernel->fd = sockets[0];
	kernel->loop = loop_new();
	kernel->golem = golem_new(kernel->loop, &options, &err);
	kernel->fs = fs_new(kernel->loop, kernel->golem);
	kernel->session = session_new(&args, &err);
	assert(kernel->session);
	session_serve(kernel->session, kernel->fs);
	if (session_attach(kernel->session, sockets[1], &err) < 0)
		abort();
	change_observe(kernel->fs);
	session_start(kernel->session, kernel->loop, on_gone, kernel);
	fuse_opt_free_args(&args);
	initialise(kernel);
	return kernel;
}

void kernel_free(struct kernel *kernel)
{
	struct packet *packet, *next;

	fs_free(kernel->fs);
	golem_free(kernel->golem);
	kernel_turn(kernel);
	session_free(kernel->session);
	loop_free(kernel->loop);
	close(kernel->fd);
	DL_FOREACH_SAFE (kernel->packets, packet, next) {
		free(packet->data);
		free(packet);
	}
	buf_free(&kernel->last);
	free(kernel);
}

struct golem *kernel_golem(struct kernel *kernel)
{
	return kernel->golem;
}

unsigned kernel_notices(struct kernel *kernel, int kind)
{
	receive(kernel);
	return kernel->notices[kind & 15];
}

bool kernel_gone(struct kernel *kernel)
{
	return kernel->gone;
}

/* --- system calls ------------------------------------------------------------------------------------------ */

int64_t kernel_lookup(struct kernel *kernel, const char *path)
{
	MEM_AUTO char *copy = mem_strdup(path);
	int64_t ino = FUSE_ROOT_ID;
	char *rest = copy, *name;

	while (ino > 0 && (name = strsep(&rest, "/"))) {
		struct reply reply = kernel_call(kernel, FUSE_LOOKUP, (uint64_t)ino, name, strlen(name) + 1);

		assert(reply.there);
		ino = reply.code ? -reply.code : (int64_t)((const struct fuse_entry_out *)reply.data)->nodeid;
	}
	return ino;
}

int64_t kernel_open(struct kernel *kernel, const char *path, int flags)
{
	int64_t ino = kernel_lookup(kernel, path);
	struct fuse_open_in in = {.flags = (uint32_t)flags};
	struct reply reply;
	uint64_t handle;

	if (ino < 0)
		return ino;
	reply = kernel_call(kernel, FUSE_OPEN, (uint64_t)ino, &in, sizeof in);
	assert(reply.there);
	if (reply.code)
		return -reply.code;
	handle = ((const struct fuse_open_out *)reply.data)->fh;
	assert(handle < FILES);
	kernel->files[handle] = (struct file){(uint64_t)ino, 0, (uint32_t)flags};
	return (int64_t)handle;
}

static int by_name(struct kernel *kernel, uint32_t opcode, const char *dir, const char *name)
{
	int64_t ino = *dir ? kernel_lookup(kernel, dir) : FUSE_ROOT_ID;
	struct fuse_mkdir_in in = {.mode = 0755};
	BUF_AUTO struct buf data = {0};
	struct reply reply;

	if (ino < 0)
		return (int)ino;
	if (opcode == FUSE_MKDIR)
		buf_add(&data, &in, sizeof in);
	buf_add(&data, name, strlen(name) + 1);
	reply = kernel_call(kernel, opcode, (uint64_t)ino, data.data, data.len);
	assert(reply.there);
	return -reply.code;
}

int kernel_mkdir(struct kernel *kernel, const char *dir, const char *name)
{
	return by_name(kernel, FUSE_MKDIR, dir, name);
}

int kernel_rmdir(struct kernel *kernel, const char *dir, const char *name)
{
	return by_name(kernel, FUSE_RMDIR, dir, name);
}

uint64_t kernel_send_read(struct kernel *kernel, int64_t handle, size_t size, uint64_t offset, int flags)
{
	struct fuse_read_in in = {
		.fh = (uint64_t)handle, .offset = offset, .size = (uint32_t)size, .flags = (uint32_t)flags};

	return kernel_send(kernel, FUSE_READ, kernel->files[handle].ino, &in, sizeof in);
}

uint64_t kernel_send_write(struct kernel *kernel, int64_t handle, const void *data, size_t size,
			   uint64_t offset)
{
	struct fuse_write_in in = {.fh = (uint64_t)handle,
				   .offset = offset,
				   .size = (uint32_t)size,
				   .flags = kernel->files[handle].flags};
	BUF_AUTO struct buf packet = {0};

	buf_add(&packet, &in, sizeof in);
	buf_add(&packet, data, size);
	return kernel_send(kernel, FUSE_WRITE, kernel->files[handle].ino, packet.data, packet.len);
}

int kernel_write(struct kernel *kernel, int64_t handle, const char *text)
{
	struct file *file = &kernel->files[handle];
	struct reply reply =
		kernel_reply(kernel, kernel_send_write(kernel, handle, text, strlen(text), file->offset));
	int count;

	assert(reply.there);
	if (reply.code)
		return -reply.code;
	count = (int)((const struct fuse_write_out *)reply.data)->size;
	file->offset += (uint64_t)count;
	return count;
}

int kernel_close(struct kernel *kernel, int64_t handle)
{
	struct fuse_release_in in = {.fh = (uint64_t)handle};

	return -kernel_call(kernel, FUSE_RELEASE, kernel->files[handle].ino, &in, sizeof in).code;
}

void kernel_interrupt(struct kernel *kernel, uint64_t unique)
{
	struct fuse_interrupt_in in = {.unique = unique};

	kernel_send(kernel, FUSE_INTERRUPT, 0, &in, sizeof in);
}

const char *kernel_cat(struct kernel *kernel, const char *path)
{
	int64_t handle = kernel_open(kernel, path, O_RDONLY);
	struct reply reply;
	static char text[1 << 16];

	if (handle < 0) {
		errno = (int)-handle;
		return NULL;
	}
	reply = kernel_reply(kernel, kernel_send_read(kernel, handle, sizeof text - 1, 0, 0));
	assert(reply.there);
	memcpy(text, reply.data, reply.len);
	text[reply.len] = '\0';
	kernel_close(kernel, handle);
	errno = reply.code;
	return reply.code ? NULL : text;
}

int kernel_echo(struct kernel *kernel, const char *path, const char *line)
{
	int64_t handle = kernel_open(kernel, path, O_WRONLY | O_TRUNC);
	MEM_AUTO char *text = mem_printf("%s\n", line);
	int got;

	if (handle < 0)
		return (int)handle;
	got = kernel_write(kernel, handle, text);
	kernel_close(kernel, handle);
	return got < 0 ? got : 0;
}

int64_t kernel_size(struct kernel *kernel, const char *path)
{
	int64_t ino = kernel_lookup(kernel, path);
	struct fuse_getattr_in in = {0};
	struct reply reply;

	if (ino < 0)
		return ino;
	reply = kernel_call(kernel, FUSE_GETATTR, (uint64_t)ino, &in, sizeof in);
	return reply.code ? -reply.code : (int64_t)((const struct fuse_attr_out *)reply.data)->attr.size;
}
