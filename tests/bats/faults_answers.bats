#!/usr/bin/env bats
# Answers that are wrong, once at every step of a rental. An errno, never a crash,
# a hang or a rental that nobody knows of.

BATS_TEST_TIMEOUT=$((180 * ${GOLEMFS_STRETCH:-1}))
SUITE_LIMIT=1200
load harness
load every_step

@test "status 500 at every step" { at_every_step refuse ',"status":500,"message":"broken"'; }
@test "status 404 at every step" { at_every_step refuse ',"status":404'; }
@test "JSON of another shape at every step" { at_every_step wrong-type; }
@test "a huge answer at every step" { at_every_step huge ',"size":20000000'; }
@test "deeply nested JSON at every step" { at_every_step deep ',"size":100000'; }
