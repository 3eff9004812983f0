#!/usr/bin/env bats
# The agent inside an instance: it outlives golemfs, is replaced when it is killed, and what it must drop is marked.

load harness

setup_file() {
	DIR=$(mktemp -d "${TMPDIR:-/tmp}/golemfs-test.XXXXXX")
	export DIR M=$DIR/mount STATE=$DIR/state
	devnet_start --fast
}
teardown_file() {
	nothing_rented
	devnet_stop
	sanitizers_silent
	rm -rf --one-file-system "$DIR"
}
# Each test has a daemon of its own: some kill it.
setup() {
	daemon_start "$M" "$STATE"
	connected
	started "$@"
}
teardown() {
	fusermount3 -u "$M" || umount -l "$M"
	gone "$DAEMON_PID" $((25 * STRETCH)) || kill -9 "$DAEMON_PID"
}
started() {
	backend b "$@"
	instance b one
}

I=backends/b/instances/one
in_i() { in_sh "cd $I; $1" "${@:2}"; }
crash() { # and start again
	kill -9 "$DAEMON_PID"
	wait "$DAEMON_PID" || :
	daemon_start "$M" "$STATE"
	eventually 10 test -d "$M/$I"
}
kill_agent() { ran $I 'pkill -9 -f "/agent serve" || kill -9 $PPID' || :; }

@test "commands that ran when golemfs was killed go on, under their numbers, with their text and later output" {
	in_i 'echo true > run; cat last/wait
		echo "echo early; sleep 4; seq 3; exit 5" > run
		mkdir commands/named; echo "sleep 3; echo named" > commands/named/cmdline; echo run > commands/named/ctl
		read line < commands/2/stdout_pipe; echo $line' >"$DIR/out"
	same "$(tail -n 1 "$DIR/out")" early
	crash
	same "$(in_i 'cat commands/2/state commands/2/cmdline')" $'running\necho early; sleep 4; seq 3; exit 5'
	same "$(in_i 'cat commands/2/wait')" 5
	same "$(in_i 'cat commands/named/wait commands/named/stdout_pipe')" $'0\nnamed'
	# What was fetched before the crash is gone and says so; what came afterwards is there, at its offset.
	same "$(got $I/commands/2/stdout)" EIO
	same "$(in_i 'tail -c +7 commands/2/stdout')" $'1\n2\n3'
	same "$(in_i 'echo "echo next" > run; readlink last; cat last/stdout_pipe')" $'commands/4\nnext'
}

@test "a command that waits for input when golemfs is killed gets end-of-file" {
	in_i 'mkdir commands/c; echo "cat; echo over" > commands/c/cmdline
		exec 3>commands/c/stdin; echo run > commands/c/ctl; echo x >&3; read line < commands/c/stdout_pipe; echo $line
		kill -9 $1' "$DAEMON_PID" || :
	wait "$DAEMON_PID" || :
	daemon_start "$M" "$STATE"
	eventually 10 test -d "$M/$I/commands/c"
	same "$(in_i 'cat commands/c/wait; tail -c +3 commands/c/stdout')" $'0\nover'
}

@test "what -o keep leaves runs on and is found again" {
	fusermount3 -u "$M"
	gone "$DAEMON_PID" 20
	daemon_start "$M" "$STATE" -o keep
	connected
	started
	in_i 'echo "sleep 3; echo kept" > run; cat last/state'
	fusermount3 -u "$M"
	gone "$DAEMON_PID" 20
	daemon_start "$M" "$STATE"
	eventually 10 test -d "$M/$I"
	same "$(in_i 'cat commands/1/stdout_pipe commands/1/wait')" $'kept\n0'
}

@test "an agent that is killed loses its commands, and a fresh one serves the next" {
	in_i 'echo "sleep 100" > run'
	kill_agent
	same "$(in_i 'cat commands/1/wait commands/1/reason commands/1/state')" $'255\nlost\nfailed'
	same "$(in_i 'echo "sleep 1; echo a" > run; echo "sleep 1; echo b" > run; cat commands/wait >/dev/null; cat last/stdout')" b
	same "$(events $I/events agentLost)" 1
	in_i 'echo "sleep 100" > run; echo abort > last/ctl; cat last/wait' >"$DIR/out"
	same "$(cat "$DIR/out")" 143
	same "$(events $I/events instanceReset)" 0
}

@test "a command written while nobody knows yet that the agent is dead is not lost" {
	in_i 'echo "(sleep 1; pkill -9 -f \"/agent serve\") >/dev/null 2>&1 & setsid true" > run; cat last/wait'
	in_i 'read -t 2 x < <(:); sleep 2; echo "echo survived" > run; cat last/stdout_pipe last/wait' >"$DIR/out"
	same "$(cat "$DIR/out")" $'survived\n0'
}

@test "an agent that dies again and again is replaced three times at most, then plain requests do the work" {
	for _ in 1 2 3; do kill_agent; done
	same "$(ran $I 'echo plain')" plain
	matches "$(tail -n 1 "$M/$I/error")" 'one by one'
}

@test "output beyond output_limit_mib: the oldest is dropped and reads as EIO, offsets stay" {
	in_sh 'rmdir backends/b'
	started output_limit_mib=0.25
	in_i 'echo "seq -w 100000" > run; cat last/wait'
	same "$(stat -c %s "$M/$I/last/stdout")" 700000
	same "$(got $I/last/stdout)" EIO
	same "$(in_i 'tail -c 14 last/stdout')" $'099999\n100000'
	same "$(in_i 'dd if=last/stdout bs=7 skip=99990 count=1 2>/dev/null')" 099991
	in_sh 'rmdir backends/b'
	started
	same "$(in_i 'echo "seq -w 100000" > run; cat last/wait >/dev/null; md5sum < last/stdout')" "$(seq -w 100000 | md5sum)"
}

@test "a hundred commands start in the order of writing and run side by side" {
	SECONDS=0
	in_i 'for i in $(seq 100); do echo "echo $i; sleep 2; exit $((i % 7))" > run; done; cat commands/wait' | sort -n >"$DIR/out"
	[ "$SECONDS" -lt $((20 * STRETCH)) ]
	same "$(wc -l <"$DIR/out")" 100
	for i in 1 50 100; do
		same "$(in_i 'cat commands/$1/stdout commands/$1/exit' $i)" "$i"$'\n'$((i % 7))
	done
	same "$(jq -r 'select(.event == "commandStarted") | .command' "$M/$I/events" | head -n 100 | tr '\n' ' ')" "$(seq -s ' ' 100) "
}

@test "two hundred scripts side by side each get their own output" {
	in_i 'for i in $(seq 200); do
			(exec 3<>run; echo "echo this is $i" >&3; read -r n <&3; exec 3>&-; [ "$(cat commands/$n/stdout_pipe)" = "this is $i" ] && echo right) &
		done; wait' | sort | uniq -c >"$DIR/out"
	matches "$(cat "$DIR/out")" '^ *200 right$'
}
