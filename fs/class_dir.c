/* dir and link: their requests are answered in ops_dir.c; here is only what stat shows. */
#include "fs/class.h"

#include <sys/stat.h>

const struct file_class class_dir = {.word = "directory", .mode = S_IFDIR | 0755};

const struct file_class class_link = {.word = "link", .mode = S_IFLNK | 0777, .size = class_shot_size};
