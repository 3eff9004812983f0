#include "fs/fs.h"

#include <unistd.h>

#include "core/mem.h"
#include "fs/handle.h"
#include "fs/node.h"

struct fs *fs_new(struct loop *loop, struct golem *golem)
{
	struct fs *fs = mem_alloc(sizeof *fs);

	fs->loop = loop;
	fs->golem = golem;
	fs->device = -1;
	fs->last_ino = FUSE_ROOT_ID;
	fs->uid = getuid();
	fs->gid = getgid();
	return fs;
}

void fs_free(struct fs *fs)
{
	static const struct obj_observer nobody = {0};

	if (!fs)
		return;
	golem_observe(fs->golem, &nobody);
	handles_free(fs);
	nodes_free(fs);
	free(fs->scratch);
	free(fs);
}

char *fs_scratch(struct fs *fs, size_t size)
{
	if (size > fs->scratch_size) {
		fs->scratch = mem_resize(fs->scratch, size);
		fs->scratch_size = size;
	}
	return fs->scratch;
}
