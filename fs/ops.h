/*
 * libfuse's table of requests: unpacking, looking up, replying. Whatever comes is answered from memory; only a
 * READ or a WRITE may be answered later.
 */
#ifndef FS_OPS_H
#define FS_OPS_H

#include "fs/fs.h"

extern const struct fuse_lowlevel_ops ops;

/* For ops of directories, ops_dir.c. */
struct node;
void ops_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void ops_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void ops_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void ops_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ops_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi);
void ops_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
struct fs *ops_fs(fuse_req_t req);
/* Seconds the kernel may keep the attributes. */
double ops_attr_timeout(struct node *node);
enum { OPS_FOREVER = 86400, OPS_NAME_MAX = 255 };

#endif
