#!/usr/bin/env bats
# Without a key, with a wrong key, without yagna, and yagna that comes, goes and comes back.

load harness

setup_file() {
	DIR=$(mktemp -d "${TMPDIR:-/tmp}/golemfs-test.XXXXXX")
	PORT=$(free_port)
	URL=http://127.0.0.1:$PORT
	export DIR PORT URL
}
teardown_file() {
	sanitizers_silent
	rm -rf --one-file-system "$DIR"
}
setup() {
	M=$DIR/mount
	STATE=$DIR/state-$BATS_TEST_NUMBER
	DAEMON_PID='' DEVNET_PID=''
}
teardown() {
	mountpoint -q "$M" && fusermount3 -u -z "$M"
	[ -z "$DAEMON_PID" ] || gone "$DAEMON_PID" 25 || kill -9 "$DAEMON_PID"
	devnet_stop
}

@test "without a key: the mount comes up, status says how to get one" {
	devnet_start --fast
	KEY='' daemon_start "$M" "$STATE"
	eventually 5 grep -qi 'app-key' "$M/status"
	grep -q YAGNA_APPKEY "$M/status"
	in_sh 'mkdir backends/b'
	same "$(wrote backends/b/ctl 'start\n')" EKEYREJECTED
	contains "$(tail -n 1 "$M/backends/b/error")" status
}

@test "with a wrong key: operations answer EKEYREJECTED and say so" {
	devnet_start --fast
	KEY=wrong daemon_start "$M" "$STATE"
	in_sh 'mkdir backends/b'
	eventually 5 grep -qi 'key' "$M/status"
	same "$(wrote backends/b/ctl 'start\n')" EKEYREJECTED
	matches "$(tail -n 1 "$M/backends/b/error")" '[Kk]ey'
}

@test "without yagna: operations answer EHOSTUNREACH, status names the address" {
	daemon_start "$M" "$STATE"
	in_sh 'mkdir backends/b'
	eventually 5 grep -q "127.0.0.1:$PORT" "$M/status"
	same "$(wrote backends/b/ctl 'start\n')" EHOSTUNREACH
	contains "$(tail -n 1 "$M/backends/b/error")" "127.0.0.1:$PORT"
}

@test "everything goes on by itself when yagna appears" {
	daemon_start "$M" "$STATE"
	in_sh 'mkdir backends/b'
	same "$(wrote backends/b/ctl 'start\n')" EHOSTUNREACH
	devnet_start --fast
	eventually 15 grep -q yagnaUp "$M/events"
	same "$(in_sh 'echo start > backends/b/ctl; cat backends/b/wait')" ready
	instance b one
	same "$(ran backends/b/instances/one 'echo here')" here
	in_sh 'rmdir backends/b'
	eventually 20 nothing_rented
}

@test "yagnaDown and yagnaUp stand in the events when it goes and comes" {
	devnet_start --fast
	daemon_start "$M" "$STATE"
	eventually 10 grep -q yagnaUp "$M/events"
	devnet_stop
	eventually 40 grep -q yagnaDown "$M/events"
	devnet_start --fast
	becomes 20 2 events events yagnaUp
}

@test "reading the tree never waits for yagna" {
	daemon_start "$M" "$STATE"
	SECONDS=0
	in_sh 'find . -type f -exec cat {} + >/dev/null; ls -lR >/dev/null'
	[ "$SECONDS" -le 3 ]
}

@test "the key may come from a file, whose newline does not matter" {
	devnet_start --fast
	echo "$APPKEY" >"$DIR/key"
	KEY='' daemon_start "$M" "$STATE" --appkey-file "$DIR/key"
	eventually 10 grep -q yagnaUp "$M/events"
	in_sh 'mkdir backends/b'
	same "$(in_sh 'echo start > backends/b/ctl; cat backends/b/wait')" ready
	in_sh 'rmdir backends/b'
	eventually 20 nothing_rented
}

@test "the key is in no command line, no log, no file of the tree or of the state directory" {
	devnet_start --fast
	KEY=$APPKEY daemon_start "$M" "$STATE"
	connected
	in_sh 'mkdir backends/b; echo start > backends/b/ctl; cat backends/b/wait; rmdir backends/b' >/dev/null
	! grep -rq "$APPKEY" "$STATE"
	! in_sh 'grep -rq "$1" .' "$APPKEY"
	! tr '\0' ' ' <"/proc/$DAEMON_PID/cmdline" | grep -q "$APPKEY"
	! grep -q "$APPKEY" "$DIR/golemfs.log"
}

@test "a yagna that hangs does not hang the writer: five seconds" {
	devnet_start --fast
	daemon_start "$M" "$STATE"
	eventually 10 grep -q yagnaUp "$M/events"
	in_sh 'mkdir backends/b'
	kill -STOP "$DEVNET_PID"
	SECONDS=0
	wrote backends/b/ctl 'start\n' >/dev/null
	kill -CONT "$DEVNET_PID"
	[ "$SECONDS" -le 6 ]
}

@test "-h and -V explain and exit well; a wrong option is refused by its name" {
	run timeout 5 "$GOLEMFS" -h
	[ "$status" = 0 ]
	for option in --devnet --url --appkey-file --state-dir keep; do contains "$output" "$option"; done
	run timeout 5 "$GOLEMFS" -V
	[ "$status" = 0 ]
	run timeout 5 "$GOLEMFS" --no-such-option "$DIR"
	[ "$status" != 0 ]
	contains "$output" no-such-option
	run timeout 5 "$GOLEMFS" -o no_such_option "$DIR"
	[ "$status" != 0 ]
	contains "$output" no_such_option
	run timeout 5 "$GOLEMFS"
	[ "$status" != 0 ]
	run timeout 5 "$GOLEMFS" /nowhere/at/all
	[ "$status" != 0 ]
	contains "$output" /nowhere/at/all
}
