#include "tests/devnet/image.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/json.h"
#include "core/mem.h"

enum { LENGTH_DIGITS = 8, ABOUT_MAX = 1 << 20 };

bool image_is_squashfs(const char *path)
{
	char magic[4] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, magic, sizeof(magic));
	if (fd >= 0)
		close(fd);
	return got == (ssize_t)sizeof(magic) && memcmp(magic, "hsqs", sizeof(magic)) == 0;
}

/* The file ends with a JSON text and its length in eight digits. */
static cJSON *read_about(int fd)
{
	struct stat file;
	char digits[LENGTH_DIGITS + 1] = "";
	if (fstat(fd, &file) || file.st_size < LENGTH_DIGITS ||
	    pread(fd, digits, LENGTH_DIGITS, file.st_size - LENGTH_DIGITS) != LENGTH_DIGITS)
		return NULL;
	for (unsigned i = 0; i < LENGTH_DIGITS; i++)
		if (!isdigit((unsigned char)digits[i]))
			return NULL;
	long len = atol(digits);
	if (len <= 0 || len > ABOUT_MAX || len > file.st_size - LENGTH_DIGITS)
		return NULL;
	struct err err = {0};
	MEM_AUTO char *text = mem_alloc((size_t)len);
	if (pread(fd, text, (size_t)len, file.st_size - LENGTH_DIGITS - len) != len)
		return NULL;
	return json_parse(text, (size_t)len, EIO, &err);
}

static char **copy_texts(const cJSON *list, bool names)
{
	char **copy = mem_alloc(sizeof(*copy) * ((size_t)cJSON_GetArraySize(list) + 1));
	unsigned count = 0;
	const cJSON *item;
	cJSON_ArrayForEach (item, list) {
		const char *text = names ? item->string : cJSON_GetStringValue(item);
		if (text)
			copy[count++] = mem_strdup(text);
	}
	return copy;
}

void image_read(const char *path, struct image_about *about)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	JSON_AUTO cJSON *json = fd < 0 ? NULL : read_about(fd);
	if (fd >= 0)
		close(fd);
	const cJSON *inner =
		cJSON_GetObjectItem(json, "Config"); /* some builders keep the whole inspection */
	const cJSON *config = cJSON_IsObject(inner) ? inner : json;
	const cJSON *env = cJSON_GetObjectItem(config, "Env"),
		    *volumes = cJSON_GetObjectItem(config, "Volumes");
	const char *directory = cJSON_GetStringValue(cJSON_GetObjectItem(config, "WorkingDir"));
	*about = (struct image_about){0};
	if (cJSON_IsArray(env) && cJSON_GetArraySize(env))
		about->env = copy_texts(env, false);
	about->volumes = copy_texts(cJSON_IsObject(volumes) ? volumes : NULL, true);
	about->directory = mem_strdup(directory && *directory ? directory : "/");
}

static void free_list(char **list)
{
	for (char **one = list; one && *one; one++)
		free(*one);
	free(list);
}

void image_about_free(struct image_about *about)
{
	free_list(about->env);
	free_list(about->volumes);
	free(about->directory);
	*about = (struct image_about){0};
}
