/* Shows one file read-only, as fast as libfuse's usual interface can: what packaging/bench/view compares with.
 * serve FILE MOUNTPOINT [libfuse's options]; compiled once against libfuse2 and once against libfuse3. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *file;

static int attributes(const char *path, struct stat *st) {
	if (strcmp(path, "/") == 0) {
		memset(st, 0, sizeof *st);
		st->st_mode = S_IFDIR | 0555;
		st->st_nlink = 2;
		return 0;
	}
	if (strcmp(path, "/image") != 0)
		return -ENOENT;
	return stat(file, st) == 0 ? 0 : -errno;
}

#if FUSE_USE_VERSION >= 30
static int do_getattr(const char *path, struct stat *st, struct fuse_file_info *info) {
	(void)info;
	return attributes(path, st);
}

static void *do_init(struct fuse_conn_info *connection, struct fuse_config *config) {
	(void)connection;
	config->kernel_cache = 1;
	return NULL;
}
#else
static int do_getattr(const char *path, struct stat *st) {
	return attributes(path, st);
}

static void *do_init(struct fuse_conn_info *connection) {
	connection->want |= connection->capable & (FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
	return NULL;
}
#endif

static int do_open(const char *path, struct fuse_file_info *info) {
	int opened;
	if (strcmp(path, "/image") != 0)
		return -ENOENT;
	opened = open(file, O_RDONLY);
	if (opened < 0)
		return -errno;
	info->fh = opened;
	if (info->flags & O_DIRECT)
		info->direct_io = 1;
	else
		info->keep_cache = 1;
	return 0;
}

static int do_read_buf(const char *path, struct fuse_bufvec **result, size_t size, off_t position,
		struct fuse_file_info *info) {
	struct fuse_bufvec *vector = malloc(sizeof *vector);
	(void)path;
	if (vector == NULL)
		return -ENOMEM;
	*vector = FUSE_BUFVEC_INIT(size);
	vector->buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK | FUSE_BUF_FD_RETRY;
	vector->buf[0].fd = info->fh;
	vector->buf[0].pos = position;
	*result = vector;
	return 0;
}

static int do_release(const char *path, struct fuse_file_info *info) {
	(void)path;
	close(info->fh);
	return 0;
}

int main(int argc, char **argv) {
	static const struct fuse_operations operations = {
		.getattr = do_getattr,
		.init = do_init,
		.open = do_open,
		.read_buf = do_read_buf,
		.release = do_release,
	};
	if (argc < 3)
		return 2;
	file = realpath(argv[1], NULL);
	if (file == NULL)
		return 1;
	argv[1] = argv[0];
	return fuse_main(argc - 1, argv + 1, &operations, NULL);
}
