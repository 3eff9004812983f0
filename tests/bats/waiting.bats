#!/usr/bin/env bats
# Readers that wait: what wakes them, what ends them, and that they never hold up anyone else.

load harness

setup_file() {
	mount_start
	backend b
	instance b one
}
teardown_file() { mount_stop; }

I=backends/b/instances/one

reader() { # FILE: a reader in the background; READER is its pid
	(cd "$M" && exec cat "$1") >"$DIR/read" 2>"$DIR/read.err" 3>&- &
	READER=$!
	eventually 5 asleep "$READER"
}
asleep() { grep -q '^State:.S' "/proc/$1/status"; }
ended() { ! kill -0 "$1" 2>/dev/null; }

@test "wait returns at once when nothing is under way, with the state" {
	SECONDS=0
	same "$(in_sh 'cat backends/b/wait')" ready
	same "$(in_sh "cat $I/wait")" ready
	[ "$SECONDS" -le 2 ]
}

@test "wait of a plural directory gives one line per name" {
	instance b two
	same "$(in_sh 'cat backends/b/instances/wait' | sort | tr '\t' ' ')" $'one ready\ntwo ready'
	in_sh 'rmdir backends/b/instances/two'
}

@test "wait of a plural directory gives the errno of the first failure" {
	backend f
	fault '{"point":"deploy","count":1}' >/dev/null
	in_sh 'mkdir backends/f/instances/i'
	same "$(got backends/f/instances/wait)" EIO
	faults_clear
	in_sh 'rmdir backends/f'
}

@test "any returns when one has ended, with those" {
	instance b two
	in_sh "echo 'sleep 20' > $I/run; echo 'echo' > backends/b/instances/two/run"
	in_sh 'cat backends/b/instances/two/commands/any' >"$DIR/out"
	matches "$(cat "$DIR/out")" '^1[[:blank:]](done|0)'
	in_sh 'rmdir backends/b/instances/two'
	in_sh "echo stop > $I/ctl; rmdir $I"
	instance b one
}

@test "a waiting reader gets the exit number of its command" {
	in_sh "echo 'sleep 1; exit 5' > $I/run"
	reader $I/last/wait
	timeout 10 tail --pid="$READER" -f /dev/null
	same "$(cat "$DIR/read")" 5
}

@test "a signal ends a waiting reader, and nothing else" {
	in_sh "echo 'sleep 2; echo undisturbed' > $I/run"
	for signal in INT TERM KILL; do
		reader $I/last/wait
		kill -$signal "$READER"
		eventually 3 ended "$READER"
	done
	same "$(in_sh "cat $I/last/stdout_pipe")" undisturbed
}

@test "two hundred waiting readers, killed with -9, leave a daemon that answers" {
	in_sh "echo 'sleep 6' > $I/run"
	pids=()
	for _ in $(seq 200); do
		cat "$M/$I/last/wait" >/dev/null 2>&1 3>&- &
		pids+=($!)
	done
	eventually 10 asleep "${pids[199]}"
	same "$(in_sh 'cat backends/b/state')" ready
	kill -9 "${pids[@]}"
	for pid in "${pids[@]}"; do wait "$pid" || :; done
	same "$(in_sh 'cat backends/b/state')" ready
	in_sh "cat $I/last/wait" >/dev/null
}

@test "a stopped reader goes on after SIGCONT with nothing lost" {
	in_sh "echo 'sleep 1; seq 1000' > $I/run"
	reader $I/last/stdout_pipe
	kill -STOP "$READER"
	in_sh "cat $I/last/wait" >/dev/null
	kill -CONT "$READER"
	timeout 10 tail --pid="$READER" -f /dev/null
	same "$(md5sum <"$DIR/read")" "$(seq 1000 | md5sum)"
}

@test "a reader that never drains its pipe holds nobody up" {
	in_sh "echo 'seq 200000' > $I/run"
	(cat "$M/$I/last/stdout_pipe" | tail -f /dev/null) 3>&- &
	drain=$!
	in_sh "cat $I/last/wait" >/dev/null
	same "$(ran $I 'echo free')" free
	pkill -P "$drain" || :
	kill "$drain" 2>/dev/null || :
}

@test "grep -m1 and head end promptly on a waiting file" {
	run in_sh 'grep -m1 event events_pipe'
	[ "$status" = 0 ]
	run in_sh 'head -n 1 events_pipe'
	[ "$status" = 0 ]
}

@test "poll wakes on a state that changes, and not before" {
	in_sh 'mkdir backends/p'
	run in_python '
	import os, select
	fd = os.open("backends/p/state", os.O_RDONLY)
	print(os.read(fd, 100).decode().strip())
	poll = select.poll()
	poll.register(fd, select.POLLPRI | select.POLLERR)
	print(len(poll.poll(300)))
	ctl = os.open("backends/p/ctl", os.O_WRONLY)
	os.write(ctl, b"start\n")
	print(len(poll.poll(5000)))
	os.lseek(fd, 0, 0)
	print(os.read(fd, 100).decode().strip() != "initial")'
	same "${lines[*]}" "initial 0 1 True"
	in_sh 'rmdir backends/p'
}

@test "poll tells of what is left to read, and of the end, so that a shell that polls before every byte reads on" {
	run in_sh "echo 'echo a; echo b' > $I/run; cat $I/last/wait; cd $I/last
		busybox sh -c 'read x < exit; echo \$x; while read x; do echo \$x; done < stdout; cat stdout; read x < stderr || echo none'"
	same "${lines[*]}" "0 0 a b a b none"
}

@test "poll wakes on a log that grows" {
	run in_python '
	import os, select
	fd = os.open("events", os.O_RDONLY)
	while os.read(fd, 65536):
	    pass
	poll = select.poll()
	poll.register(fd, select.POLLIN | select.POLLPRI)
	poll.poll(0)
	os.mkdir("backends/q")
	ctl = os.open("backends/q/ctl", os.O_WRONLY)
	os.write(ctl, b"start\n")
	print(len(poll.poll(5000)))'
	same "$output" 1
	in_sh 'rmdir backends/q'
}

@test "a non-blocking read of a waiting file says EAGAIN" {
	in_sh "echo 'sleep 2' > $I/run"
	run in_python '
	import os
	fd = os.open(sys.argv[1], os.O_RDONLY | os.O_NONBLOCK)
	try:
	    os.read(fd, 100)
	except BlockingIOError:
	    print("EAGAIN")' "$I/last/wait"
	same "$output" EAGAIN
	in_sh "cat $I/last/wait" >/dev/null
}

@test "a waiting read interrupted by an alarm is EINTR, or goes on, and the daemon lives" {
	in_sh "echo 'sleep 3' > $I/run"
	run in_python '
	import os, signal
	class Alarm(Exception):
	    pass
	def ring(*_):
	    raise Alarm
	signal.signal(signal.SIGALRM, ring)
	signal.setitimer(signal.ITIMER_REAL, 0.5)
	try:
	    os.read(os.open(sys.argv[1], os.O_RDONLY), 100)
	except Alarm:
	    print("interrupted")' "$I/last/wait"
	same "$output" interrupted
	same "$(in_sh 'cat backends/b/state')" ready
}

@test "rmdir while others wait inside: they get ECANCELED, the name is gone" {
	backend w
	instance w i
	in_sh 'echo "sleep 100" > backends/w/instances/i/run'
	(got backends/w/instances/i/commands/1/stdout_pipe >"$DIR/pipe"; got backends/w/instances/i/wait >"$DIR/wait") 3>&- &
	reader=$!
	eventually 5 pgrep -f 'syscall.py read backends/w/instances' >/dev/null
	in_sh 'rmdir backends/w'
	eventually 20 ended "$reader"
	[ ! -e "$M/backends/w" ]
}

@test "wait of the root waits for everything" {
	same "$(in_sh 'cat wait' | wc -l)" 1
}
