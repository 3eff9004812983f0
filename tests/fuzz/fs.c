/* Any requests at all: fs neither crashes nor hangs nor writes outside its bounds, and goes on answering. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "core/buf.h"
#include "tests/unit/fake_kernel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A packet is: opcode, inode number, two bytes of length, that many bytes; a length beyond the end ends it. */
enum { HEAD = 4, PADDING = 512 };

/* What a kernel does not send: DESTROY ends the session, INIT happens once, and a NOTIFY_REPLY answers a question
 * of ours that is never asked. Counts and lengths inside a request are right: libfuse relies on that, so there is
 * no garbage to be found there that fs would ever see. */
static void send_checked(struct kernel *kernel, uint8_t opcode, uint8_t ino, const uint8_t *data, size_t len)
{
	static const char zeros[PADDING];
	BUF_AUTO struct buf body = {0};

	if (opcode == FUSE_DESTROY || opcode == FUSE_INIT || opcode == FUSE_NOTIFY_REPLY ||
	    opcode == FUSE_BATCH_FORGET)
		return;
	buf_add(&body, data, len);
	buf_add(&body, zeros, sizeof zeros);
	if (opcode == FUSE_WRITE)
		((struct fuse_write_in *)body.data)->size =
			(uint32_t)(body.len - sizeof(struct fuse_write_in));
	kernel_send(kernel, opcode, ino, body.data, body.len);
}

static size_t send_one(struct kernel *kernel, const uint8_t *data, size_t size)
{
	size_t len = data[2] | (size_t)(data[3] & 0x1f) << 8;

	if (len > size - HEAD)
		len = size - HEAD;
	send_checked(kernel, data[0], data[1], data + HEAD, len);
	return HEAD + len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kernel *kernel = kernel_new();
	struct fuse_getattr_in attr = {0};

	kernel_mkdir(kernel, "backends", "b");
	kernel_mkdir(kernel, "backends/b/instances", "i");
	kernel_echo(kernel, "backends/b/instances/i/run", "make");
	kernel_open(kernel, "backends/b/ctl", 2);
	kernel_open(kernel, "backends/b/instances/i/run", 2);
	kernel_open(kernel, "backends/b/config/setup", 2);
	kernel_open(kernel, "events_pipe", 0);
	while (size > HEAD && !kernel_gone(kernel)) {
		size_t used = send_one(kernel, data, size);

		data += used;
		size -= used;
	}
	assert(kernel_gone(kernel) || kernel_call(kernel, FUSE_GETATTR, 1, &attr, sizeof attr).code == 0);
	kernel_free(kernel);
	return 0;
}
