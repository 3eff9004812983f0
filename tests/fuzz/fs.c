/* Any requests at all: fs neither crashes nor hangs nor writes outside its bounds, and goes on answering. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "core/buf.h"
#include "tests/unit/fake_kernel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A packet is: opcode, inode number, two bytes of length, that many bytes; a length beyond the end ends it. */
enum { HEAD = 4 };

static size_t send_one(struct kernel *kernel, const uint8_t *data, size_t size)
{
	size_t len = data[2] | (size_t)(data[3] & 0x1f) << 8;

	if (len > size - HEAD)
		len = size - HEAD;
	/* DESTROY ends the session, INIT happens once: neither comes again from a kernel. */
	if (data[0] != FUSE_DESTROY && data[0] != FUSE_INIT)
		kernel_send(kernel, data[0], data[1], data + HEAD, len);
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
