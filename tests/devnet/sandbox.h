/*
 * A sandbox: the machine of one rented instance, made of kernel namespaces, on which programs really run.
 *
 * Its root, its processes, its host name, its loopback and its /tmp are its own; the host's programs are seen through
 * an overlay whose upper side is memory, so nothing of it exists outside and the kernel forgets all of it when the
 * last process is gone. A small init (sandbox_init.c) is process 1 inside: it starts programs, reaps orphans and ends
 * when its socket to the devnet closes, hence also after a kill -9 of the devnet. Where the kernel refuses namespaces
 * the machine is a plain directory, and says so once on stderr.
 *
 * The module owns the init process, the socket and the descriptor of the root. Callbacks come from the loop.
 */
#ifndef DEVNET_SANDBOX_H
#define DEVNET_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/loop.h"
#include "tests/devnet/nic.h"

struct sandbox;

struct sandbox_host {
	const char *name;
	const char *address;
};

/* What the machine is made from; read during sandbox_start() only. */
struct sandbox_spec {
	const char *name;    /* unique; also the host name unless one is given */
	const char *scratch; /* where a plain directory may be made */
	const char *image;   /* squashfs file that becomes the root; NULL: the host's programs */
	const char *hostname;
	const struct sandbox_host *hosts; /* for /etc/hosts */
	unsigned host_count;
	const struct nic_address *addresses; /* of its interface in private networks */
	unsigned address_count;              /* 0: it has none */
	const char *const *volumes;          /* directories that are there, absolute; ends with NULL */
};

struct sandbox_events {
	/* The machine is up (error NULL), or cannot be made; then `gone` follows. */
	void (*ready)(void *context, const char *error);
	/* A program is over: its exit code, or -1 for a signal. It may have left children that hold its output. */
	void (*exited)(void *context, uint64_t run, int code);
	/* A program could not be started: a positive errno (E2BIG …). */
	void (*refused)(void *context, uint64_t run, int error);
	/* Every process in it is gone. Only sandbox_free() may be called from now on. */
	void (*gone)(void *context);
	void *context;
};

/* A program to run. `argv` ends with NULL and argv[0] is what the program sees; `path` without a slash is searched
 * in the PATH of the machine. `out` and `err` stay the caller's. */
struct sandbox_program {
	const char *path;
	const char *const *argv;
	const char *const *env; /* ends with NULL; NULL: the default environment */
	const char *directory;  /* NULL: / */
	int out, err;
};

/* NULL with errno when no process can be made. */
struct sandbox *sandbox_start(struct loop *loop, const struct sandbox_spec *spec,
			      const struct sandbox_events *events);
/* Only after `ready`. The number that `exited` or `refused` names, or 0 with errno. */
uint64_t sandbox_run(struct sandbox *sandbox, const struct sandbox_program *program);
void sandbox_kill(struct sandbox *sandbox); /* at once, everything; `gone` follows */
void sandbox_free(struct sandbox *sandbox); /* kills and waits for the end; takes NULL */

/* The root as seen from outside, for openat2() with RESOLVE_IN_ROOT; -1 before `ready`. Stays the sandbox's. */
int sandbox_root(const struct sandbox *sandbox);
/* The packet socket at the other end of its interface (nic.h), likewise; -1 without one. */
int sandbox_cable(const struct sandbox *sandbox);
/* Processor time of all that ran or runs in it, in seconds. */
double sandbox_cpu(struct sandbox *sandbox);
bool sandbox_isolated(const struct sandbox *sandbox); /* false: a plain directory */
pid_t sandbox_pid(const struct sandbox *sandbox);     /* of its init, as the host sees it */

#endif
