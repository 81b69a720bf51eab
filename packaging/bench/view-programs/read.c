/* Reads a file and prints megabytes per second.
 * read FILE sequential|random BLOCK COUNT [direct] [drop]
 *   direct  past the page cache        drop  takes the file out of the page cache first */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
	struct timespec start, end;
	unsigned long long state = 88172645463325252ULL;
	long long done = 0, size, block, count;
	int direct = 0, drop = 0, file, i;
	void *buffer;
	if (argc < 5)
		return 2;
	for (i = 5; i < argc; i++) {
		direct |= strcmp(argv[i], "direct") == 0;
		drop |= strcmp(argv[i], "drop") == 0;
	}
	block = atoll(argv[3]);
	count = atoll(argv[4]);
	file = open(argv[1], O_RDONLY | (direct ? O_DIRECT : 0));
	if (file < 0 || posix_memalign(&buffer, 4096, block) != 0) {
		perror(argv[1]);
		return 1;
	}
	size = lseek(file, 0, SEEK_END);
	if (drop)
		posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
	if (strcmp(argv[2], "random") == 0)
		posix_fadvise(file, 0, 0, POSIX_FADV_RANDOM);
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (long long n = 0; n < count; n++) {
		long long position = n * block % size;
		ssize_t got;
		if (strcmp(argv[2], "random") == 0) {
			/* xorshift64: the same places in each run. */
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			position = state % (size / block) * block;
		}
		got = pread(file, buffer, block, position);
		if (got <= 0) {
			perror("read");
			return 1;
		}
		done += got;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%.1f\n", done / 1e6 / (end.tv_sec - start.tv_sec + (end.tv_nsec - start.tv_nsec) / 1e9));
	return 0;
}
