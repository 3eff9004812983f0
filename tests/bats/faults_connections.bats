#!/usr/bin/env bats
# Connections that break and answers that are late, once at every step of a rental. An errno, never a crash,
# a hang or a rental that nobody knows of.

BATS_TEST_TIMEOUT=$((180 * ${GOLEMFS_STRETCH:-1}))
SUITE_LIMIT=1200
load harness
load every_step

@test "connection closed before the request is handled, at every step" { at_every_step drop-before; }
@test "connection closed after the request is handled, at every step" { at_every_step drop-after; }
@test "bytes that are no HTTP at every step" { at_every_step garbage; }
@test "half an answer at every step" { at_every_step truncate; }
@test "a delay of a second at every step" { at_every_step delay ',"delay_ms":1000'; }
