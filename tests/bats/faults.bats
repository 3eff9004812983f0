#!/usr/bin/env bats
# A network that misbehaves: providers that go silent, streams that break, answers without end. An event and an
# errno, never a crash, a hang or a rental that nobody knows of.

load harness

setup_file() { mount_start; }
teardown_file() { mount_stop; }
setup() { in_sh 'mkdir backends/b; echo 4 > backends/b/config/rent_timeout'; }
teardown() {
	faults_clear
	[ ! -d "$M/backends/b" ] || in_sh 'rmdir backends/b'
	kill -0 "$DAEMON_PID"
	eventually 20 nothing_rented 2>/dev/null || {
		nothing_rented
		return 1
	}
}

rents_again() {
	in_sh 'echo start > backends/b/ctl; cat backends/b/wait; mkdir backends/b/instances/j; cat backends/b/instances/j/wait' >"$DIR/out"
	same "$(tr '\n' ' ' <"$DIR/out")" "ready ready "
	same "$(ran backends/b/instances/j 'echo fine')" fine
}

@test "memory stays bounded under huge answers" {
	before=$(awk '/^VmRSS/ { print $2 }' "/proc/$DAEMON_PID/status")
	for _ in 1 2 3 4 5; do
		fault '{"point":"huge","method":"GET","count":1,"size":60000000}' >/dev/null
		in_sh 'echo scan > backends/b/ctl; cat backends/b/wait' >/dev/null 2>&1 || :
		faults_clear
	done
	after=$(awk '/^VmRSS/ { print $2 }' "/proc/$DAEMON_PID/status")
	[ $((after - before)) -lt $((65536 * MEMORY)) ]
}

@test "a wrong answer leaves an event or a refusal that says so" {
	fault '{"point":"refuse","method":"POST","route":"/payment-api/v1/allocations","status":500,"message":"the ledger is on fire"}' >/dev/null
	in_sh 'echo start > backends/b/ctl; cat backends/b/wait' >/dev/null 2>&1 || :
	grep -q 'the ledger is on fire' "$M/backends/b/error" "$M/backends/b/events"
	matches "$(cat "$M/backends/b/state")" '^(error|initial)$'
}

@test "an agreement the provider never answers is given up, another provider is taken" {
	in_sh 'echo 60 > backends/b/config/rent_timeout'
	fault '{"point":"ignore-agreement","count":1}' >/dev/null
	in_sh 'echo start > backends/b/ctl; cat backends/b/wait' >/dev/null
	in_sh 'mkdir backends/b/instances/i'
	LIMIT=50 in_sh 'cat backends/b/instances/i/wait' >"$DIR/out"
	same "$(cat "$DIR/out")" ready
}

@test "counter-offers that nobody answers do not stop the search" {
	fault '{"point":"ignore-proposal","count":1}' >/dev/null
	rents_again
}

@test "a provider that ends the agreement: the instance is lost, the backend lives" {
	fault '{"point":"terminate-agreement","count":1,"delay_ms":500,"message":"maintenance"}' >/dev/null
	in_sh 'echo start > backends/b/ctl; cat backends/b/wait; mkdir backends/b/instances/i' >/dev/null
	becomes 15 error cat "$M/backends/b/instances/i/state"
	same "$(cat "$M/backends/b/state")" ready
	grep -q maintenance "$M/backends/b/events"
}

@test "an exe-unit that dies makes its commands lost: 255 and the reason" {
	in_sh 'echo start > backends/b/ctl; cat backends/b/wait; mkdir backends/b/instances/i; cat backends/b/instances/i/wait' >/dev/null
	fault '{"point":"kill","count":1}' >/dev/null
	in_sh 'cd backends/b/instances/i; echo "sleep 100" > run; cat commands/1/wait' >"$DIR/out"
	same "$(cat "$DIR/out")" 255
	same "$(cat "$M/backends/b/instances/i/commands/1/reason")" lost
}

@test "a result stream that breaks off loses and doubles no output" {
	in_sh 'echo start > backends/b/ctl; cat backends/b/wait; mkdir backends/b/instances/i; cat backends/b/instances/i/wait' >/dev/null
	fault '{"point":"cut-stream","count":2,"skip":2}' >/dev/null
	same "$(ran backends/b/instances/i 'for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 0.1; done' | tr -d '\n')" 123456789
}

@test "an activity that cannot be destroyed does not keep stop from ending" {
	in_sh 'echo start > backends/b/ctl; cat backends/b/wait; mkdir backends/b/instances/i; cat backends/b/instances/i/wait' >/dev/null
	fault '{"point":"activity-destroy","count":1,"message":"no"}' >/dev/null
	LIMIT=40 in_sh 'echo stop > backends/b/ctl; cat backends/b/wait' >/dev/null || :
	same "$(cat "$M/backends/b/state")" stopped
}

@test "an unreachable provider at the end does not keep stop from ending" {
	in_sh 'echo start > backends/b/ctl; cat backends/b/wait; mkdir backends/b/instances/i; cat backends/b/instances/i/wait' >/dev/null
	fault '{"point":"unreachable","count":2}' >/dev/null
	LIMIT=50 in_sh 'echo stop > backends/b/ctl; cat backends/b/wait' >/dev/null || :
	same "$(cat "$M/backends/b/state")" stopped
}

@test "a rental under a storm of random faults comes to an end, and nothing is left" {
	for point in drop-before drop-after refuse truncate garbage; do
		fault "{\"point\":\"$point\",\"probability\":0.1}" >/dev/null
	done
	for i in 1 2 3; do
		in_sh 'echo start > backends/b/ctl' 2>/dev/null || :
		in_sh 'mkdir backends/b/instances/i$1' "$i" 2>/dev/null || :
		timeout 15 cat "$M/backends/b/instances/i$i/wait" >/dev/null 2>&1 || [ $? != 124 ]
	done
	faults_clear
	rm -rf "$DIR/none"
	in_sh 'rmdir backends/b'
	eventually 25 nothing_rented
}
