/*
 * The timed loops of scripts/bench: what a shell could do only by starting a process for each operation.
 *
 *     bench-loops COMMAND DIRECTORY-OR-FILE NUMBER...
 *
 * Each command prints the seconds that its loop took and nothing else (`break` a ratio, or a median); the first failing call ends
 * the program with its errno's text. Files in a tree are named dDDD/fFFFF, links lFFFF. Random orders come from a fixed seed: every run does the same.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char path[4096];
static volatile unsigned char sink;

static void fail(const char *what)
{
	fprintf(stderr, "bench-loops: %s %s: %s\n", what, path, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t seed = 0x9e3779b97f4a7c15u;

static uint64_t random_number(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static const char *in_tree(const char *root, long directory, long file)
{
	snprintf(path, sizeof path, "%s/d%03ld/f%04ld", root, directory, file);
	return path;
}

static int open_path(int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0644);
	if (fd < 0)
		fail("open");
	return fd;
}

/* Reads of `block` bytes, `count` of them, at random (block-aligned) or rising offsets. */
static void read_loop(long block, long count, int at_random)
{
	int fd = open_path(O_RDONLY);
	off_t size = lseek(fd, 0, SEEK_END), blocks = size / block;
	char *buffer = malloc((size_t)block);
	if (!buffer || blocks == 0)
		fail("nothing to read in");
	for (long i = 0; i < count; i++) {
		off_t at = at_random ? (off_t)(random_number() % (uint64_t)blocks) : i % blocks;
		if (pread(fd, buffer, (size_t)block, at * block) != block)
			fail("read");
	}
	free(buffer);
	close(fd);
}

/*
 * Writes of `block` bytes, `count` of them, at random (block-aligned) offsets of a file that is there, or one after the other to
 * a new one. Seconds, without those of the open.
 */
static double write_loop(long block, long count, int at_random)
{
	int fd = open_path(at_random ? O_RDWR : O_RDWR | O_CREAT | O_TRUNC);
	off_t size = lseek(fd, 0, SEEK_END), blocks = at_random ? size / block : count;
	char *buffer = calloc(1, (size_t)block);
	if (!buffer || blocks == 0)
		fail("nothing to write to in");
	double start = now();
	for (long i = 0; i < count; i++) {
		off_t at = at_random ? (off_t)(random_number() % (uint64_t)blocks) : i;
		if (pwrite(fd, buffer, (size_t)block, at * block) != block)
			fail("write");
	}
	double took = now() - start;
	free(buffer);
	close(fd);
	return took;
}

/* One byte of `count` pages through a mapping; a new mapping each time the file has been gone through once. */
static void map_loop(long count, int at_random)
{
	const long page = 4096;
	int fd = open_path(O_RDONLY);
	off_t size = lseek(fd, 0, SEEK_END);
	long pages = size / page;
	if (pages == 0)
		fail("nothing to map in");
	for (long done = 0; done < count;) {
		unsigned char *base = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
		if (base == MAP_FAILED)
			fail("mmap");
		for (long i = 0; i < pages && done < count; i++, done++) {
			long at = at_random ? (long)(random_number() % (uint64_t)pages) : i;
			sink ^= base[at * page];
		}
		munmap(base, (size_t)size);
	}
	close(fd);
}

static void stat_loop(const char *root, long directories, long files, long passes)
{
	struct stat st;
	for (long p = 0; p < passes; p++)
		for (long d = 0; d < directories; d++)
			for (long f = 0; f < files; f++)
				if (lstat(in_tree(root, d, f), &st) < 0)
					fail("stat");
}

static void absent_loop(const char *root, long names, long passes)
{
	for (long p = 0; p < passes; p++)
		for (long n = 0; n < names; n++) {
			snprintf(path, sizeof path, "%s/absent%04ld", root, n);
			if (access(path, F_OK) == 0 || errno != ENOENT)
				fail("a name that should not be there:");
		}
}

static void readlink_loop(const char *root, long links, long passes)
{
	char target[256];
	for (long p = 0; p < passes; p++)
		for (long l = 0; l < links; l++) {
			snprintf(path, sizeof path, "%s/l%04ld", root, l);
			if (readlink(path, target, sizeof target) < 0)
				fail("readlink");
		}
}

static void readdir_loop(const char *directory, long passes)
{
	snprintf(path, sizeof path, "%s", directory);
	for (long p = 0; p < passes; p++) {
		DIR *stream = opendir(path);
		if (!stream)
			fail("opendir");
		while (readdir(stream))
			;
		closedir(stream);
	}
}

static void create_loop(const char *root, long directories, long files, long size)
{
	char *data = calloc(1, (size_t)size + 1);
	for (long d = 0; d < directories; d++) {
		snprintf(path, sizeof path, "%s/d%03ld", root, d);
		if (mkdir(path, 0755) < 0)
			fail("mkdir");
		for (long f = 0; f < files; f++) {
			in_tree(root, d, f);
			int fd = open_path(O_WRONLY | O_CREAT | O_EXCL);
			if (size > 0) {
				/* Contents differ from file to file, so that nothing may take two for the same. */
				memcpy(data, path + strlen(root), strlen(path + strlen(root)) < (size_t)size
					? strlen(path + strlen(root)) : (size_t)size);
				if (write(fd, data, (size_t)size) != size)
					fail("write");
			}
			close(fd);
		}
	}
	free(data);
}

static void link_loop(const char *root, long links)
{
	for (long l = 0; l < links; l++) {
		snprintf(path, sizeof path, "%s/l%04ld", root, l);
		if (symlink("a/target/of/middling/length", path) < 0)
			fail("symlink");
	}
}

static void unlink_loop(const char *root, long directories, long files)
{
	for (long d = 0; d < directories; d++) {
		for (long f = 0; f < files; f++)
			if (unlink(in_tree(root, d, f)) < 0)
				fail("unlink");
		snprintf(path, sizeof path, "%s/d%03ld", root, d);
		if (rmdir(path) < 0)
			fail("rmdir");
	}
}

static void open_loop(const char *root, long directories, long files)
{
	char buffer[65536];
	for (long d = 0; d < directories; d++)
		for (long f = 0; f < files; f++) {
			in_tree(root, d, f);
			int fd = open_path(O_RDONLY);
			if (read(fd, buffer, sizeof buffer) < 0)
				fail("read");
			close(fd);
		}
}

static const char *alike(const char *root, char group, long number)
{
	snprintf(path, sizeof path, "%s/%c%05ld", root, group, number);
	return path;
}

/* Files of `size` bytes that are all equal, or each with a content of its own. */
static void alike_loop(const char *root, char group, long count, long size, int distinct)
{
	char *data = calloc(1, (size_t)size);
	for (long i = 0; i < count; i++) {
		snprintf(data, (size_t)size, "%c%ld", group, distinct ? i : -1);
		alike(root, group, i);
		int fd = open_path(O_WRONLY | O_CREAT | O_EXCL);
		if (write(fd, data, (size_t)size) != size)
			fail("write");
		close(fd);
	}
	free(data);
}

/* A mapping alone does not keep a file open: the kernel maps the backing file. */
static void hold_open(const char *root, char group, long count)
{
	for (long i = 0; i < count; i++) {
		alike(root, group, i);
		open_path(O_RDONLY);
	}
}

/* An open for writing, and the first write. */
static double first_write(void)
{
	double start = now();
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || pwrite(fd, "x", 1, 0) != 1)
		fail("open and write");
	double took = now() - start;
	close(fd);
	return took;
}

static int by_value(const void *a, const void *b)
{
	double difference = *(const double *)a - *(const double *)b;
	return (difference > 0) - (difference < 0);
}

static double median(double *values, long count)
{
	qsort(values, (size_t)count, sizeof *values, by_value);
	return values[count / 2];
}

/*
 * How long the first write of a file takes that `sharers` others share their pages with, by how long it takes where it is alone;
 * all are open. The two are measured in turn, `count` times each.
 */
static double break_ratio(const char *root, char group, long sharers, long count)
{
	struct rlimit files;
	double *alone = calloc((size_t)count, sizeof *alone), *shared = calloc((size_t)count, sizeof *shared);
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		fail("getrlimit");
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		fail("setrlimit");
	hold_open(root, 'a', count);
	if (sharers)
		hold_open(root, group, sharers + count);
	for (long i = 0; i < count; i++) {
		alike(root, 'a', i);
		alone[i] = first_write();
		if (!sharers)
			continue;
		alike(root, group, i);
		shared[i] = first_write();
	}
	return sharers ? median(shared, count) / median(alone, count) : median(alone, count);
}

int main(int argc, char **argv)
{
	const char *command = argc > 2 ? argv[1] : "", *root = argc > 2 ? argv[2] : "";
	long n[4] = { 0 };
	for (int i = 0; i < 4 && i + 3 < argc; i++)
		n[i] = atol(argv[i + 3]);
	snprintf(path, sizeof path, "%s", root);

	double start = now();
	if (!strcmp(command, "read-random"))
		read_loop(n[0], n[1], 1);
	else if (!strcmp(command, "read-sequential"))
		read_loop(n[0], n[1], 0);
	else if (!strcmp(command, "write-random") || !strcmp(command, "write-sequential")) {
		printf("%.9f\n", write_loop(n[0], n[1], !strcmp(command, "write-random")));
		return 0;
	} else if (!strcmp(command, "first-write")) {
		printf("%.9f\n", first_write());
		return 0;
	} else if (!strcmp(command, "map-random"))
		map_loop(n[0], 1);
	else if (!strcmp(command, "map-sequential"))
		map_loop(n[0], 0);
	else if (!strcmp(command, "stat"))
		stat_loop(root, n[0], n[1], n[2]);
	else if (!strcmp(command, "absent"))
		absent_loop(root, n[0], n[1]);
	else if (!strcmp(command, "readlink"))
		readlink_loop(root, n[0], n[1]);
	else if (!strcmp(command, "readdir"))
		readdir_loop(root, n[0]);
	else if (!strcmp(command, "create"))
		create_loop(root, n[0], n[1], n[2]);
	else if (!strcmp(command, "links"))
		link_loop(root, n[0]);
	else if (!strcmp(command, "unlink"))
		unlink_loop(root, n[0], n[1]);
	else if (!strcmp(command, "open"))
		open_loop(root, n[0], n[1]);
	else if (!strcmp(command, "alike"))
		alike_loop(root, (char)n[0], n[1], n[2], (int)n[3]);
	else if (!strcmp(command, "break")) {
		printf("%.9f\n", break_ratio(root, (char)n[0], n[1], n[2]));
		return 0;
	} else {
		fprintf(stderr, "bench-loops: unknown command \"%s\"\n", command);
		return 2;
	}
	printf("%.9f\n", now() - start);
	return 0;
}
