/*
 * The route table: every path the devnet answers is one row; what stands in no row is 404 with an empty body.
 * Each part of the network (market.c, payment.c …) exports its rows; main gathers them.
 */
#ifndef DEVNET_ROUTE_H
#define DEVNET_ROUTE_H

#include "tests/devnet/exchange.h"

struct route {
	const char *method; /* "GET"; "*" for any */
	const char *
		pattern; /* "/market-api/v1/demands/{}/events"; {} is one segment, {*} the rest of the path */
	void (*handle)(struct exchange *exchange);
};

/* The row for the exchange, its parts taken out of the path; NULL: none. For dispatch only. */
const struct route *route_find(struct exchange *exchange);

/* Each table ends with a NULL method. */
extern const struct route market_routes[];
extern const struct route negotiation_routes[];
extern const struct route agreement_routes[];
extern const struct route agreement_event_routes[];
extern const struct route scan_routes[];
extern const struct route allocation_routes[];
extern const struct route decoration_routes[];
extern const struct route document_routes[];
extern const struct route document_event_routes[];
extern const struct route settlement_routes[]; /* payment cycles, payments */
extern const struct route activity_routes[];
extern const struct route net_routes[];
extern const struct route gsb_routes[];
extern const struct route common_routes[];   /* version, me, healthcheck, metrics */
extern const struct route registry_routes[]; /* the image registry's look-up */
extern const struct route control_routes[];  /* /devnet/…: faults, providers, restart */

#endif
