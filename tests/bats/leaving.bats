#!/usr/bin/env bats
# Leaving in every way there is: what was rented is ended, or found again, and no dead mount stays.

load harness

setup_file() {
	DIR=$(mktemp -d "${TMPDIR:-/tmp}/golemfs-test.XXXXXX")
	export DIR
	devnet_start --fast
}
teardown_file() {
	nothing_rented
	devnet_stop
	sanitizers_silent
	rm -rf --one-file-system "$DIR"
}
setup() {
	M=$DIR/mount
	STATE=$DIR/state-$BATS_TEST_NUMBER
	daemon_start "$M" "$STATE"
}
teardown() {
	mountpoint -q "$M" && umount -l "$M"
	gone "$DAEMON_PID" 25 || kill -9 "$DAEMON_PID"
	[ "$(agreements_alive)" = 0 ] || clean_up
}
# A test that failed half way must not fail those after it.
clean_up() {
	for id in $(agreement_ids Approved); do rest POST "/market-api/v1/agreements/$id/terminate" '{}' >/dev/null; done
	for id in $(rest GET /payment-api/v1/allocations | jq -r '.[].allocationId'); do
		rest DELETE "/payment-api/v1/allocations/$id" >/dev/null
	done
}
rented() {
	connected
	backend b
	instance b one
	same "$(agreements_alive)" 1
}
left() { # SECONDS: the daemon has ended with that, and so has all it rented
	gone "$DAEMON_PID" "${1:-20}" || {
		echo "golemfs is still alive" >&2
		return 1
	}
	! mountpoint -q "$M" || {
		echo "still mounted" >&2
		return 1
	}
	nothing_rented
}

@test "fusermount3 -u ends everything within 20 s" {
	rented
	fusermount3 -u "$M"
	left 20
}

@test "umount ends everything" {
	rented
	umount "$M"
	left 20
}

@test "a lazy unmount ends everything too, also with somebody inside" {
	rented
	(cd "$M/backends/b" && exec tail -f /dev/null) 3>&- &
	inside=$!
	eventually 5 test "$M/backends/b" -ef "/proc/$inside/cwd"
	fusermount3 -u -z "$M"
	left 20
	kill "$inside"
}

@test "a lazy unmount with a waiting reader gives the reader an end" {
	rented
	in_sh 'echo "sleep 100" > backends/b/instances/one/run'
	cat "$M/backends/b/instances/one/last/wait" >"$DIR/read" 2>&1 3>&- &
	reader=$!
	fusermount3 -u -z "$M"
	left 20
	gone "$reader" 5
}

@test "SIGTERM, SIGINT and SIGHUP end everything, with exit status 0" {
	for signal in TERM INT HUP; do
		rented
		kill -$signal "$DAEMON_PID"
		status=0
		wait "$DAEMON_PID" || status=$?
		same "$signal $status" "$signal 0"
		left 1
		daemon_start "$M" "$STATE"
	done
}

@test "SIGTERM twice leaves no dead mount" {
	rented
	kill -TERM "$DAEMON_PID"
	kill -TERM "$DAEMON_PID" || :
	gone "$DAEMON_PID" 20
	! mountpoint -q "$M"
	nothing_rented || {
		daemon_start "$M" "$STATE"
		fusermount3 -u "$M"
		left 20
	}
}

@test "SIGTERM with a hundred waiting readers" {
	rented
	in_sh 'echo "sleep 100" > backends/b/instances/one/run'
	readers=()
	for _ in $(seq 100); do
		cat "$M/backends/b/instances/one/last/wait" >/dev/null 2>&1 3>&- &
		readers+=($!)
	done
	kill -TERM "$DAEMON_PID"
	left 20
	wait "${readers[@]}" || :
}

@test "a busy mount refuses fusermount3 -u and goes on" {
	rented
	(cd "$M" && exec tail -f /dev/null) 3>&- &
	inside=$!
	eventually 5 test "$M" -ef "/proc/$inside/cwd"
	run fusermount3 -u "$M"
	[ "$status" != 0 ]
	same "$(cat "$M/backends/b/state")" ready
	kill "$inside"
	gone "$inside" 5
	fusermount3 -u "$M"
	left 20
}

@test "kill -9: the next start clears the dead mount and ends or adopts what was rented" {
	rented
	kill -9 "$DAEMON_PID"
	wait "$DAEMON_PID" || :
	same "$(agreements_alive)" 1
	daemon_start "$M" "$STATE"
	eventually 10 test -d "$M"
	same "$(cat "$M/backends/b/instances/one/state")" ready
	same "$(ran backends/b/instances/one 'echo adopted')" adopted
	fusermount3 -u "$M"
	left 20
}

@test "kill -9 in the middle of a rental: the next start leaves nothing behind" {
	for point in market-api/v1/agreements activity-api/v1/activity 'activity-api/v1/activity/{}/exec'; do
		fault "{\"point\":\"delay\",\"method\":\"POST\",\"route\":\"/$point\",\"delay_ms\":2000,\"count\":1}" >/dev/null
		connected
		backend b || :
		in_sh 'mkdir backends/b/instances/one' || :
		eventually 5 delayed
		kill -9 "$DAEMON_PID"
		wait "$DAEMON_PID" || :
		faults_clear
		daemon_start "$M" "$STATE"
		in_sh 'rmdir backends/b' || :
		fusermount3 -u "$M"
		left 25 || {
			echo "killed during $point" >&2
			return 1
		}
		daemon_start "$M" "$STATE"
	done
}
delayed() { [ "$(rest GET /devnet/faults | jq '[.[].hits] | add')" = 1 ]; }

@test "keep leaves rentals for the next start" {
	fusermount3 -u "$M"
	gone "$DAEMON_PID" 10
	daemon_start "$M" "$STATE" -o keep
	rented
	agreement=$(cat "$M/backends/b/instances/one/agreement")
	fusermount3 -u "$M"
	gone "$DAEMON_PID" 20
	same "$(agreements_alive)" 1
	daemon_start "$M" "$STATE"
	eventually 10 test -d "$M/backends/b/instances/one"
	same "$(cat "$M/backends/b/instances/one/agreement")" "$agreement"
	same "$(ran backends/b/instances/one 'echo kept')" kept
	fusermount3 -u "$M"
	left 20
}

@test "a second golemfs on the same state directory is refused and disturbs nothing" {
	rented
	mkdir "$DIR/second"
	run env YAGNA_APPKEY=$APPKEY timeout 10 "$GOLEMFS" -f --state-dir "$STATE" --url "$URL" "$DIR/second" 3>&-
	[ "$status" != 0 ]
	[ "$status" != 124 ]
	contains "$output" "$STATE"
	! mountpoint -q "$DIR/second"
	same "$(cat "$M/backends/b/state")" ready
	fusermount3 -u "$M"
	left 20
}

@test "what other programs rented and set aside is not touched" {
	rest POST /payment-api/v1/allocations '{"totalAmount":"1","paymentPlatform":"erc20-hoodi-tglm","makeDeposit":false}' >"$DIR/foreign"
	id=$(jq -r .allocationId "$DIR/foreign")
	rented
	fusermount3 -u "$M"
	gone "$DAEMON_PID" 20
	same "$(allocations_alive)" 1
	rest DELETE "/payment-api/v1/allocations/$id" >/dev/null
	left 1
}

@test "unmounting while yagna does not answer is bounded in time" {
	rented
	kill -STOP "$DEVNET_PID"
	fusermount3 -u "$M"
	gone "$DAEMON_PID" 25
	kill -CONT "$DEVNET_PID"
	daemon_start "$M" "$STATE"
	fusermount3 -u "$M"
	left 25
}
