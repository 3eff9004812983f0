/*
 * Making the root of a sandbox, inside its namespaces: a memory filesystem that hides the host's /tmp holds the upper
 * sides of overlays over the host's programs, or over an image; then the old root is let go.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/capability.h>
#include <unistd.h>

#include "tests/devnet/namespace.h"
#include "tests/devnet/nic.h"
#include "tests/devnet/sandbox_inside.h"

/* Everything is built under this directory, which every Linux has and which a memory filesystem covers first. */
#define BASE "/tmp"
#define ROOT BASE "/root"

static int failed(char *why, size_t size, const char *what)
{
	snprintf(why, size, "%s: %s", what, strerror(errno));
	return -1;
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -1;
	size_t len = strlen(text);
	ssize_t done = write(fd, text, len);
	close(fd);
	return done == (ssize_t)len ? 0 : -1;
}

static int make_directories(const char *path, mode_t mode)
{
	char part[1024];
	if ((size_t)snprintf(part, sizeof(part), "%s", path) >= sizeof(part)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0755) && errno != EEXIST)
			return -1;
		*slash = '/';
	}
	return mkdir(part, mode) && errno != EEXIST ? -1 : 0;
}

static int loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	int done = ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
	return done;
}

/* A mount of a directory cannot lose the flags its source is locked with in a user namespace: they are kept. */
static int bind_read_only(const char *from, const char *to)
{
	struct statvfs flags;
	if (mount(from, to, NULL, MS_BIND, NULL) || statvfs(to, &flags))
		return -1;
	unsigned long keep =
		flags.f_flag & (ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_NOATIME | ST_NODIRATIME | ST_RELATIME);
	unsigned long mounted = MS_BIND | MS_REMOUNT | MS_RDONLY;
	if (keep & ST_NOSUID)
		mounted |= MS_NOSUID;
	if (keep & ST_NODEV)
		mounted |= MS_NODEV;
	if (keep & ST_NOEXEC)
		mounted |= MS_NOEXEC;
	if (keep & ST_NOATIME)
		mounted |= MS_NOATIME;
	if (keep & ST_NODIRATIME)
		mounted |= MS_NODIRATIME;
	if (keep & ST_RELATIME)
		mounted |= MS_RELATIME;
	return mount(NULL, to, NULL, mounted, NULL);
}

/* In a user namespace only "user." attributes may be written, which overlays use when told so. */
static int overlay(const struct sandbox_inside *inside, const char *lower, const char *name,
		   const char *where)
{
	char options[512], upper[128], work[128];
	snprintf(upper, sizeof(upper), BASE "/layers/%s/upper", name);
	snprintf(work, sizeof(work), BASE "/layers/%s/work", name);
	snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s%s", lower, upper, work,
		 inside->unprivileged ? ",userxattr" : "");
	if (make_directories(upper, 0755) || make_directories(work, 0755))
		return -1;
	return mount("overlay", where, "overlay", 0, options);
}

/* The host's directories that hold programs and what they need. /home, /root, /srv, /mnt … are not among them. */
static const char *const programs[] = {"usr",   "bin",    "sbin", "lib", "lib32",
				       "lib64", "libx32", "etc",  "opt", NULL};

static int show_program_directory(const struct sandbox_inside *inside, const char *name)
{
	char from[64], to[64], target[256];
	struct stat about;
	snprintf(from, sizeof(from), "/%s", name);
	snprintf(to, sizeof(to), ROOT "/%s", name);
	if (lstat(from, &about))
		return errno == ENOENT ? 0 : -1;
	if (S_ISLNK(about.st_mode)) {
		ssize_t len = readlink(from, target, sizeof(target) - 1);
		if (len < 0)
			return -1;
		target[len] = '\0';
		return symlink(target, to);
	}
	if (mkdir(to, 0755))
		return -1;
	if (overlay(inside, from, name, to) == 0)
		return 0;
	return bind_read_only(from, to); /* the host's root may be too many overlays deep already */
}

static int host_root(const struct sandbox_inside *inside)
{
	if (mount("tmpfs", ROOT, "tmpfs", MS_NODEV, "mode=755"))
		return -1;
	for (const char *const *name = programs; *name; name++)
		if (show_program_directory(inside, *name))
			return -1;
	return 0;
}

/* The device lets go of the file by itself with the last user: nothing to clean up after a kill -9. */
static int attach_loop(int image, char *device, size_t size)
{
	struct loop_config config = {.fd = (unsigned)image,
				     .info = {.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR}};
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), loop = -1;
	for (int tries = 0; control >= 0 && tries < 16; tries++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE);
		if (number < 0)
			break;
		snprintf(device, size, "/dev/loop%d", number);
		loop = open(device, O_RDONLY | O_CLOEXEC);
		if (loop < 0 || ioctl(loop, LOOP_CONFIGURE, &config) == 0)
			break;
		close(loop); /* somebody else took the number in between: ask again */
		loop = -1;
		if (errno != EBUSY)
			break;
	}
	if (control >= 0)
		close(control);
	return loop;
}

static int mount_image(const struct sandbox_inside *inside)
{
	char device[64];
	int loop = attach_loop(inside->image, device, sizeof(device));
	if (loop < 0)
		return -1;
	int done = mkdir(BASE "/image", 0755) ||
		   mount(device, BASE "/image", "squashfs", MS_RDONLY | MS_NODEV, NULL);
	close(loop);
	return done ? -1 : overlay(inside, BASE "/image", "image", ROOT);
}

static int unpack_image(int image)
{
	char file[64];
	snprintf(file, sizeof(file), "/proc/self/fd/%d", image);
	if (mount("tmpfs", ROOT, "tmpfs", MS_NODEV, "mode=755"))
		return -1;
	fcntl(image, F_SETFD, 0);
	pid_t child = vfork(); /* fork() would let libuv close what it takes for its own descriptors */
	if (child < 0)
		return -1;
	if (child == 0) {
		execlp("unsquashfs", "unsquashfs", "-no-progress", "-quiet", "-force", "-no-xattrs", "-dest",
		       ROOT, file, (char *)NULL);
		_exit(127);
	}
	int status = 0;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		continue;
	/* 2: everything is there except what only a privileged user may make, such as devices */
	if (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 2))
		return 0;
	errno = WIFEXITED(status) && WEXITSTATUS(status) == 127 ? ENOENT : EINVAL;
	return -1;
}

static int image_root(const struct sandbox_inside *inside)
{
	if (mount_image(inside) == 0)
		return 0;
	umount2(BASE "/image", MNT_DETACH);
	return unpack_image(inside->image);
}

struct mount_row {
	const char *what, *where, *type;
	unsigned long flags;
	const char *data;
	bool optional;
};

static const struct mount_row mounts[] = {
	{"proc", ROOT "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, false},
	{"tmpfs", ROOT "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=64k", false},
	{"devpts", ROOT "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620",
	 true},
	{"tmpfs", ROOT "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777", false},
	{"tmpfs", ROOT "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777", false},
	{"sysfs", ROOT "/sys", "sysfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, true},
	{NULL, NULL, NULL, 0, NULL, false},
};

/* Root inside is the host's root where no user namespace is: the kernel's settings are kept out of its reach. */
static const char *const read_only[] = {ROOT "/proc/sys", ROOT "/proc/sysrq-trigger",
					ROOT "/proc/irq", ROOT "/proc/bus",
					ROOT "/proc/fs",  NULL};

static const char *const devices[] = {"null", "zero", "full", "random", "urandom", "tty", NULL};

static const char *const links[][2] = {
	{"pts/ptmx", ROOT "/dev/ptmx"},          {"/proc/self/fd", ROOT "/dev/fd"},
	{"/proc/self/fd/0", ROOT "/dev/stdin"},  {"/proc/self/fd/1", ROOT "/dev/stdout"},
	{"/proc/self/fd/2", ROOT "/dev/stderr"}, {NULL, NULL}};

static int show_device(const char *name)
{
	char from[64], to[64];
	snprintf(from, sizeof(from), "/dev/%s", name);
	snprintf(to, sizeof(to), ROOT "/dev/%s", name);
	int fd = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		return -1;
	close(fd);
	return mount(from, to, NULL, MS_BIND, NULL);
}

static int mount_all(char *why, size_t size)
{
	for (const struct mount_row *row = mounts; row->what; row++) {
		if (make_directories(row->where, 0755) ||
		    (mount(row->what, row->where, row->type, row->flags, row->data) && !row->optional))
			return failed(why, size, row->where + strlen(ROOT));
	}
	for (const char *const *name = devices; *name; name++)
		if (show_device(*name))
			return failed(why, size, *name);
	for (unsigned i = 0; links[i][0]; i++)
		if (symlink(links[i][0], links[i][1]))
			return failed(why, size, links[i][1]);
	for (const char *const *path = read_only; *path; path++)
		if (bind_read_only(*path, *path) && errno != ENOENT)
			return failed(why, size, *path + strlen(ROOT));
	return 0;
}

static const struct {
	const char *path;
	mode_t mode;
} directories[] = {{"/root", 0700},      {"/home", 0755},    {"/mnt", 0755},
		   {"/srv", 0755},       {"/run", 0755},     {"/var", 0755},
		   {"/var/tmp", 01777},  {"/var/log", 0755}, {"/var/lib", 0755},
		   {"/var/cache", 0755}, {NULL, 0}};

static int write_etc(const struct sandbox_spec *spec, const char *root)
{
	char path[1200], host[300];
	const char *name = spec->hostname ? spec->hostname : spec->name;
	snprintf(path, sizeof(path), "%s/etc", root);
	if (make_directories(path, 0755))
		return -1;
	snprintf(path, sizeof(path), "%s/etc/hostname", root);
	snprintf(host, sizeof(host), "%s\n", name);
	unlink(path);
	if (write_text(path, host) && errno != EROFS)
		return -1;
	snprintf(path, sizeof(path), "%s/etc/hosts", root);
	unlink(path);
	FILE *hosts = fopen(path, "we");
	if (!hosts)
		return errno == EROFS ? 0 : -1;
	fprintf(hosts, "127.0.0.1\tlocalhost\n::1\tlocalhost\n127.0.1.1\t%s\n", name);
	for (unsigned i = 0; i < spec->host_count; i++)
		fprintf(hosts, "%s\t%s\n", spec->hosts[i].address, spec->hosts[i].name);
	return fclose(hosts);
}

static int make_volumes(const struct sandbox_spec *spec, const char *root)
{
	char path[1200];
	for (const char *const *volume = spec->volumes; volume && *volume; volume++) {
		snprintf(path, sizeof(path), "%s%s", root, *volume);
		if (make_directories(path, 0755))
			return -1;
	}
	return 0;
}

static int fill(const struct sandbox_spec *spec)
{
	char path[128];
	for (unsigned i = 0; directories[i].path; i++) {
		snprintf(path, sizeof(path), ROOT "%s", directories[i].path);
		if (make_directories(path, directories[i].mode))
			return -1;
		chmod(path, directories[i].mode);
	}
	return write_etc(spec, ROOT) || make_volumes(spec, ROOT) ? -1 : 0;
}

static int enter_root(void)
{
	if (chdir(ROOT) || syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH))
		return -1;
	return chdir("/");
}

/* What root on a rented machine needs. The rest, mounting and devices first of all, would reach the host where no
 * user namespace is between. */
static const int capabilities[] = {CAP_CHOWN,      CAP_DAC_OVERRIDE,     CAP_FOWNER,     CAP_FSETID,
				   CAP_KILL,       CAP_SETGID,           CAP_SETUID,     CAP_SETPCAP,
				   CAP_SETFCAP,    CAP_NET_BIND_SERVICE, CAP_NET_RAW,    CAP_NET_ADMIN,
				   CAP_SYS_CHROOT, CAP_SYS_NICE,         CAP_AUDIT_WRITE};

static void limit_privileges(void)
{
	for (int cap = 0; cap <= 63; cap++) {
		bool keep = false;
		for (unsigned i = 0; i < sizeof(capabilities) / sizeof(*capabilities); i++)
			keep |= capabilities[i] == cap;
		if (!keep && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) && errno == EINVAL)
			return; /* the kernel knows no higher ones */
	}
}

static int build_isolated(struct sandbox_inside *inside, char *why, size_t size)
{
	const struct sandbox_spec *spec = inside->spec;
	const char *name = spec->hostname ? spec->hostname : spec->name, *step;
	if (inside->unprivileged && namespace_map_user(inside->uid, inside->gid))
		return failed(why, size, "mapping the user");
	if (sethostname(name, strlen(name)))
		return failed(why, size, "setting the host name");
	if (spec->address_count &&
	    (inside->cable = nic_make(spec->addresses, spec->address_count, &step)) < 0)
		return failed(why, size, step);
	if (loopback_up())
		return failed(why, size, "bringing up the loopback");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", BASE, "tmpfs", MS_NODEV, "mode=755") || mkdir(ROOT, 0755))
		return failed(why, size, "making room for the root");
	if (inside->image >= 0 ? image_root(inside) : host_root(inside))
		return failed(why, size,
			      inside->image >= 0 ? "unpacking the image" : "showing the host's programs");
	if (mount_all(why, size))
		return -1;
	if (fill(spec))
		return failed(why, size, "filling the root");
	if (enter_root())
		return failed(why, size, "entering the root");
	limit_privileges();
	return 0;
}

static int build_plain(struct sandbox_inside *inside, char *why, size_t size)
{
	if (inside->image >= 0) {
		snprintf(why, size, "an image needs namespaces, which the kernel refuses here");
		return -1;
	}
	if (inside->spec->address_count) {
		snprintf(why, size, "a network needs namespaces, which the kernel refuses here");
		return -1;
	}
	if (make_volumes(inside->spec, inside->plain) || write_etc(inside->spec, inside->plain) ||
	    chdir(inside->plain))
		return failed(why, size, inside->plain);
	return 0;
}

int sandbox_build(struct sandbox_inside *inside, char *why, size_t size)
{
	umask(022);
	return inside->isolated ? build_isolated(inside, why, size) : build_plain(inside, why, size);
}
