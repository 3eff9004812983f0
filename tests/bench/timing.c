/*
 * Times one file operation many times over and prints the median in microseconds.
 *
 * usage: timing stat PATH COUNT      stat(2)
 *        timing read PATH COUNT      open, read to the end, close
 *        timing run DIRECTORY COUNT  `true`: open run, write, read the number, read its wait
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int do_stat(const char *path)
{
	struct stat stat_of;

	return stat(path, &stat_of);
}

static int read_all(int fd)
{
	char piece[4096];
	ssize_t len;

	while ((len = read(fd, piece, sizeof piece)) > 0)
		;
	return len < 0 ? -1 : 0;
}

static int do_read(const char *path)
{
	int fd = open(path, O_RDONLY);
	int status = fd < 0 ? -1 : read_all(fd);

	if (fd >= 0)
		close(fd);
	return status;
}

static int do_run(const char *directory)
{
	char path[4096], number[32] = "";
	int run, status = -1;

	snprintf(path, sizeof path, "%s/run", directory);
	run = open(path, O_RDWR);
	if (run < 0)
		return -1;
	if (write(run, "true\n", 5) == 5 && read(run, number, sizeof number - 1) > 0) {
		number[strcspn(number, "\n")] = '\0';
		snprintf(path, sizeof path, "%s/commands/%s/wait", directory, number);
		status = do_read(path);
	}
	close(run);
	return status;
}

static const struct {
	const char *name;
	int (*call)(const char *path);
} operations[] = {{"stat", do_stat}, {"read", do_read}, {"run", do_run}};

static int measure(int (*call)(const char *path), const char *path, size_t count)
{
	double *times = calloc(count, sizeof *times);

	for (size_t i = 0; times && i < count; i++) {
		double begin = now_us();

		if (call(path) != 0) {
			fprintf(stderr, "timing: %s: %s\n", path, strerror(errno));
			free(times);
			return 1;
		}
		times[i] = now_us() - begin;
	}
	if (!times)
		return 1;
	qsort(times, count, sizeof *times, by_value);
	printf("%.3f\n", times[count / 2]);
	free(times);
	return 0;
}

int main(int argc, char **argv)
{
	size_t count = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;

	for (size_t i = 0; count && i < sizeof operations / sizeof *operations; i++)
		if (strcmp(argv[1], operations[i].name) == 0)
			return measure(operations[i].call, argv[2], count);
	fprintf(stderr, "usage: timing stat|read|run PATH COUNT\n");
	return 2;
}
