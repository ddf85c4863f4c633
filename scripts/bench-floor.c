/*
 * What a round trip over /dev/fuse costs at the least on this machine: a server without threads and without a file system behind it,
 * which answers GETATTR of its root and nothing else, on the processor of its caller, so that neither has to be woken on another one.
 *
 *     bench-floor MOUNTPOINT
 *
 * Mounts itself there, prints the seconds of one awaited request (the median of nine runs), and is gone. Needs root.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { REQUESTS = 10000, RUNS = 9 };

static void answer(int fuse, const struct fuse_in_header *in)
{
	static char reply[sizeof(struct fuse_out_header) + sizeof(struct fuse_init_out) + sizeof(struct fuse_attr_out)];
	struct fuse_out_header *out = (struct fuse_out_header *)reply;
	memset(reply, 0, sizeof reply);
	out->unique = in->unique;
	out->len = sizeof *out;
	if (in->opcode == FUSE_INIT) {
		struct fuse_init_out *init = (struct fuse_init_out *)(out + 1);
		init->major = FUSE_KERNEL_VERSION;
		init->minor = 31;
		init->max_write = 4096;
		out->len += sizeof *init;
	} else if (in->opcode == FUSE_GETATTR && in->nodeid == FUSE_ROOT_ID) {
		struct fuse_attr_out *attributes = (struct fuse_attr_out *)(out + 1);
		attributes->attr.ino = FUSE_ROOT_ID;
		attributes->attr.mode = S_IFDIR | 0755;
		attributes->attr.nlink = 2;
		out->len += sizeof *attributes;
	} else {
		out->error = -ENOSYS;
	}
	if (write(fuse, reply, out->len) < 0 && errno != ENOENT)
		_exit(1);
}

/* Until the mount is gone. */
static void serve(int fuse)
{
	static char request[FUSE_MIN_READ_BUFFER + 4096];
	for (;;) {
		if (read(fuse, request, sizeof request) >= 0) {
			const struct fuse_in_header *in = (const struct fuse_in_header *)request;
			if (in->opcode != FUSE_FORGET && in->opcode != FUSE_BATCH_FORGET && in->opcode != FUSE_INTERRUPT)
				answer(fuse, in);
		} else if (errno != EINTR && errno != ENOENT) {
			_exit(0);
		}
	}
}

static double run(const char *target)
{
	struct timespec start, end;
	struct statx attributes;
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < REQUESTS; i++) {
		if (statx(AT_FDCWD, target, AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &attributes) != 0)
			return -1;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	return (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	char options[80];
	double seconds[RUNS];
	int fuse, status = 1;
	pid_t server;
	cpu_set_t processor;

	if (argc != 2) {
		fprintf(stderr, "usage: bench-floor MOUNTPOINT\n");
		return 2;
	}
	fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
	if (fuse < 0 || mount("bench-floor", argv[1], "fuse.bench-floor", 0, options) != 0) {
		fprintf(stderr, "bench-floor: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	CPU_ZERO(&processor);
	CPU_SET(sched_getcpu(), &processor);
	sched_setaffinity(0, sizeof processor, &processor);
	server = fork();
	if (server == 0)
		serve(fuse);
	if (server > 0) {
		alarm(60); /* whatever becomes of the server, its end frees the mount */
		for (int i = 0; i < RUNS; i++)
			seconds[i] = run(argv[1]);
		qsort(seconds, RUNS, sizeof seconds[0], ascending);
		if (seconds[0] > 0) {
			printf("%.9f\n", seconds[RUNS / 2] / REQUESTS);
			status = 0;
		}
	}
	umount2(argv[1], MNT_DETACH);
	if (server > 0) {
		kill(server, SIGTERM);
		waitpid(server, NULL, 0);
	}
	return status;
}
