/*
 * The table of misbehaviour: what the devnet does wrong on purpose, where, how often.
 *
 * Faults are set through the control routes (control.c, docs/golem-devnet.1.md). The server applies those of
 * the HTTP points itself; faults inside a part are asked for by that part at the place where they happen:
 *
 *     const struct fault *fault = fault_hit(devnet, "deploy", provider);
 *     if (fault)
 *             … fail with fault->message …
 *
 * Asking counts: a fault with a count is used up by its hits. Every point there is stands in fault_points[].
 */
#ifndef DEVNET_FAULT_H
#define DEVNET_FAULT_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

struct devnet;
struct faults;
struct provider;

struct fault {
	struct fault *next;
	unsigned id;
	const struct fault_point *point;
	char *method; /* of HTTP points; NULL: any */
	char *route;  /* of HTTP points: a pattern of the route table, or a prefix ending in '*'; NULL: any */
	char *provider;     /* name or node id; NULL: any */
	long count;         /* hits left; negative: for ever */
	long skip;          /* hits to let pass first */
	double probability; /* 0 to 1 */
	/* Details, as far as the point uses them; never NULL, "" when not given. */
	int status; /* 500 */
	char *body;
	char *type; /* content type of the body */
	char *message;
	unsigned delay_ms;
	size_t size; /* bytes, or depth */
	unsigned long hits;
};

struct fault_point {
	const char *name;
	bool http;        /* applied by the server, to whole exchanges */
	const char *help; /* one line, for the control route and the manual */
};

/* The HTTP points first; ends with a NULL name. */
extern const struct fault_point fault_points[];

struct faults *faults_new(void);
void faults_free(struct faults *faults);

/* The first fault of that point which matches and whose turn it is, or NULL. provider may be NULL. The fault
 * is valid until the loop's next turn. An unknown point is a mistake of the caller and aborts. */
const struct fault *fault_hit(struct devnet *devnet, const char *point, const struct provider *provider);
bool fault_hits(struct devnet *devnet, const char *point, const struct provider *provider);
/* The same for HTTP points. */
const struct fault *fault_hit_route(struct devnet *devnet, const char *point, const char *method,
				    const char *route);

/* From the control route: NULL with a sentence in why[200] when the description is wrong. */
const struct fault *fault_add(struct faults *faults, const cJSON *description, char *why);
bool fault_remove(struct faults *faults, unsigned id);
void fault_clear(struct faults *faults);
cJSON *fault_list(const struct faults *faults);

#endif
