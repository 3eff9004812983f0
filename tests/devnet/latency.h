/*
 * How long the network takes for things, in milliseconds: one table, a column per mood.
 */
#ifndef DEVNET_LATENCY_H
#define DEVNET_LATENCY_H

#include "tests/devnet/devnet.h"

enum latency_mood { LATENCY_NEAR, LATENCY_FAST, LATENCY_REAL };

struct latencies latency_of(enum latency_mood mood);

#endif
