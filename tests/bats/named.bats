#!/usr/bin/env bats
# Commands made with mkdir, terminals, signals, aborts at every level, and the run of a backend.

load harness

setup_file() {
	mount_start
	backend b
	instance b one
}
teardown_file() { mount_stop; }

I=backends/b/instances/one
in_i() { in_sh "cd $I; $1" "${@:2}"; }
aborted_events() { jq -s "map(select(.event == \"commandAborted\" and .command == \"$1\")) | length" "$M/$I/events"; }

# --- made with mkdir ----------------------------------------------------------------------------------------

@test "mkdir makes a command that waits for its text and for run" {
	in_i 'mkdir commands/first'
	same "$(in_i 'cat commands/first/state commands/first/exit commands/first/cmdline')" $'new\nnew'
	same "$(wrote $I/commands/first/ctl 'run\n')" EINVAL
	in_i 'echo "echo it ran" > commands/first/cmdline; echo run > commands/first/ctl'
	same "$(in_i 'cat commands/first/stdout_pipe commands/first/wait commands/first/state')" $'it ran\n0\ndone'
	same "$(wrote $I/commands/first/ctl 'run\n')" EBUSY
	same "$(called mkdir $I/commands/first)" EEXIST
}

@test "a script that is retried finds its command and does not run it twice" {
	script='mkdir commands/once 2>/dev/null && { echo "echo x >> /tmp/once; cat /tmp/once" > commands/once/cmdline; echo run > commands/once/ctl; }; cat commands/once/stdout_pipe'
	same "$(in_i "$script")" x
	same "$(in_i "$script")" x
}

@test "env, workdir and timeout of its own, while it is new" {
	in_i 'mkdir commands/own; cd commands/own
		printf "A=one\nB=t w o\n" > env; echo /tmp > workdir; echo 7s > timeout; echo "pwd; echo \$A \$B" > cmdline; echo run > ctl; cat wait stdout' >"$DIR/out"
	same "$(cat "$DIR/out")" $'0\n/tmp\none t w o'
	same "$(wrote $I/commands/own/workdir '/\n')" EBUSY
	same "$(wrote $I/commands/own/tty 'yes\n')" EBUSY
	same "$(in_i 'cat commands/own/timeout commands/own/tty')" $'7s\nno'
}

@test "wrong values are refused with a sentence" {
	in_i 'mkdir commands/wrong'
	refused EINVAL $I/commands/wrong/workdir 'relative\n' 'absolute path'
	refused EINVAL $I/commands/wrong/tty 'perhaps\n' 'yes or no'
	refused EINVAL $I/commands/wrong/timeout 'soon\n' soon
	refused EINVAL $I/commands/wrong/ctl 'winsize 0 80\n' 0
	refused EBUSY $I/commands/wrong/ctl 'winsize 24 80\n' 'no terminal'
	refused EINVAL $I/commands/wrong/ctl 'signal NOSUCH\n' NOSUCH
	refused EBUSY $I/commands/wrong/ctl 'signal TERM\n' new
	in_i 'echo 1=2 > commands/wrong/env'
	matches "$(tail -n 1 "$M/$I/error")" 'NAME=VALUE'
}

@test "numbers are counted, not chosen; reserved and odd names are refused" {
	same "$(called mkdir $I/commands/77)" EINVAL
	same "$(called mkdir $I/commands/stdin)" EINVAL
	same "$(called mkdir $I/commands/.x)" EINVAL
	in_i 'mkdir commands/7up; rmdir commands/7up'
}

@test "rmdir forgets a new or an ended one, not one that runs" {
	in_i 'mkdir commands/gone; rmdir commands/gone; [ ! -e commands/gone ]'
	in_i 'mkdir commands/busy; echo "sleep 100" > commands/busy/cmdline; echo run > commands/busy/ctl'
	same "$(called rmdir $I/commands/busy)" EBUSY
	in_i ': > commands/busy/abort; cat commands/busy/wait; rmdir commands/busy; [ ! -e commands/busy ]' >/dev/null
}

@test "wait of commands/ does not wait for one that was never run; its own wait does" {
	in_i 'mkdir commands/idle; cat commands/wait' >"$DIR/out"
	matches "$(cat "$DIR/out")" 'idle[[:blank:]]new'
	(cd "$M/$I" && exec cat commands/idle/wait) >"$DIR/read" 3>&- &
	reader=$!
	in_i 'echo "exit 3" > commands/idle/cmdline; echo run > commands/idle/ctl'
	gone $reader 5
	same "$(cat "$DIR/read")" 3
}

@test "a text of 128 KiB runs; what is too long for any program is refused before anything is sent" {
	"$PYTHON" -c 'print(": " + "x" * 131072 + "; echo long")' >"$DIR/long"
	in_i 'mkdir commands/long; cp "$1" commands/long/cmdline; echo run > commands/long/ctl; cat commands/long/stdout_pipe' "$DIR/long" >"$DIR/out"
	same "$(cat "$DIR/out")" long
}

# --- terminals ----------------------------------------------------------------------------------------------

@test "tty gives a terminal of the size asked for, and winsize changes it while it runs" {
	in_i 'mkdir commands/t; cd commands/t; echo yes > tty; echo "winsize 33 77" > ctl
		echo "trap \"stty size\" WINCH; stty size; tty; echo err >&2; while :; do sleep 0.1; done" > cmdline
		exec 3>stdin 4<stdout_pipe; echo run > ctl
		for i in 1 2 3; do read -r -t 5 line <&4; echo "$line"; done
		echo "winsize 50 100" > ctl; read -r -t 5 line <&4; echo "$line"; echo abort > ctl; cat wait' | tr -d '\r' >"$DIR/out"
	matches "$(cat "$DIR/out")" $'^33 77\n/dev/pts/[0-9]+\nerr\n50 100\n143$'
}

@test "a shell on a terminal is usable: it echoes, runs, takes Ctrl+C, ends with exit" {
	in_i 'mkdir commands/sh; cd commands/sh; echo yes > tty; printf PS1= > env; echo "exec sh" > cmdline
		exec 3>stdin 4<stdout_pipe; echo run > ctl; printf "stty -echo; echo re\"\"ady\n" >&3
		while read -r -t 5 line <&4; do case $line in ready*) break ;; esac; done
		printf "sleep 100\n" >&3; read -t 1 x <> <(:); printf "\003" >&3; printf "echo after; exit 4\n" >&3
		cat <&4 | tail -n 1; cat wait' | tr -d '\r' >"$DIR/out"
	same "$(cat "$DIR/out")" $'after\n4'
}

@test "the last close of a terminal is one end-of-file, also in the middle of a line" {
	in_i 'mkdir commands/eof; cd commands/eof; echo yes > tty; echo "stty -echo; cat; echo end" > cmdline
		exec 3>stdin; echo run > ctl; printf half >&3; exec 3>&-; cat stdout_pipe' | tr -d '\r' >"$DIR/out"
	matches "$(cat "$DIR/out")" 'halfend$'
}

# --- signals and aborts --------------------------------------------------------------------------------------

@test "signal by name, with SIG, in small letters, by number" {
	for pair in INT:130 SIGTERM:143 hup:129 9:137 QUIT:131 USR1:138 usr2:140; do
		in_i 'echo "ulimit -c 0; sleep 100" > run; echo "signal $1" > last/ctl; cat last/wait last/state last/reason' "${pair%:*}" >"$DIR/out"
		same "${pair%:*} $(tr '\n' ' ' <"$DIR/out")" "${pair%:*} ${pair#*:} done  "
	done
}

@test "STOP and CONT, and an abort of one that is stopped" {
	in_i 'echo "while :; do echo tick; sleep 0.2; done" > run; read -r line < last/stdout_pipe; echo signal STOP > last/ctl'
	read -r -t 1 <> <(:) || :
	size=$(stat -c %s "$M/$I/last/stdout")
	read -r -t 1 <> <(:) || :
	same "$(stat -c %s "$M/$I/last/stdout")" "$size"
	in_i 'echo signal CONT > last/ctl'
	eventually 5 grown "$size"
	same "$(in_i 'echo signal STOP > last/ctl; : > last/abort; cat last/wait')" 143
}
grown() { [ "$(stat -c %s "$M/$I/last/stdout")" -gt "$1" ]; }

@test "a program may catch a signal and go on" {
	in_i 'echo "trap \"echo caught\" USR1; echo up; while :; do sleep 0.1; done" > run
		exec 4<last/stdout_pipe; read -r line <&4; echo signal USR1 > last/ctl; read -r -t 5 line <&4; echo "$line"; cat last/state; echo abort > last/ctl; cat last/wait' >"$DIR/out"
	same "$(cat "$DIR/out")" $'caught\nrunning\n143'
}

@test "an abort ends the whole process group, keeps the partial output and the machine's files" {
	in_i 'echo "echo kept > /tmp/kept; (sleep 100; echo child) & echo part; sleep 100" > run; read -r line < last/stdout_pipe; : > last/abort; cat last/wait last/reason last/state last/stdout' >"$DIR/out"
	same "$(cat "$DIR/out")" $'143\nuser\naborted\npart'
	same "$(ran $I 'cat /tmp/kept; pgrep -x sleep -f "sleep 100" || echo none')" $'kept\nnone'
}

@test "who ignores TERM is killed after the grace time" {
	in_i 'echo "trap \"\" TERM; echo up; while :; do sleep 0.2; done" > run; read -r line < last/stdout_pipe; echo abort > last/ctl; cat last/wait last/reason' >"$DIR/out"
	same "$(cat "$DIR/out")" $'137\nuser'
}

@test "abort after the end, twice, and by two processes at once is no error and one event" {
	in_i 'echo "sleep 100" > run; echo abort > last/ctl; echo abort > last/ctl; (: > last/abort) & : > last/abort; wait; cat last/wait; : > last/abort; echo abort > last/ctl; cat last/exit last/reason' >"$DIR/out"
	same "$(cat "$DIR/out")" $'143\n143\nuser'
	same "$(aborted_events "$(basename "$(readlink "$M/$I/last")")")" 1
}

@test "abort right behind the start, a hundred times" {
	in_i 'for i in $(seq 100); do echo "sleep 100" > run; : > last/abort; done; cat commands/wait | tail -n 100 | cut -d" " -f2 | sort | uniq -c' >"$DIR/out"
	matches "$(cat "$DIR/out")" '^ *100 aborted$'
}

@test "the reason tells the level, and the first one wins" {
	in_i 'echo "sleep 100" > run; : > abort; cat last/wait last/reason' >"$DIR/out"
	same "$(cat "$DIR/out")" $'143\ninstance'
	in_i 'echo "sleep 100" > run; : > ../../abort; cat last/wait last/reason' >"$DIR/out"
	same "$(cat "$DIR/out")" $'143\nbackend'
	in_i 'echo "trap \"\" TERM; echo up; while :; do sleep 0.2; done" > run; read -r line < last/stdout_pipe; : > last/abort; : > abort; : > ../../abort; cat last/wait last/reason' >"$DIR/out"
	same "$(cat "$DIR/out")" $'137\nuser'
	in_i 'mkdir commands/slow; echo 1 > commands/slow/timeout; echo "sleep 100" > commands/slow/cmdline; echo run > commands/slow/ctl; cat commands/slow/wait commands/slow/reason' >"$DIR/out"
	same "$(cat "$DIR/out")" $'124\ntimeout'
	same "$(cat "$M/$I/state")" ready
}

@test "abort of one that waits, or was never run, ends it at once" {
	fault '{"point":"delay","method":"POST","route":"/activity-api/v1/activity","delay_ms":1500,"count":1}' >/dev/null
	in_sh 'mkdir backends/b/instances/late; cd backends/b/instances/late; echo "echo queued" > run; mkdir commands/n
		: > commands/1/abort; : > commands/n/abort; cat commands/1/exit commands/1/reason commands/1/state commands/n/state; cat wait' >"$DIR/out"
	same "$(cat "$DIR/out")" $'137\nuser\naborted\naborted\nready'
	faults_clear
	in_sh 'rmdir backends/b/instances/late'
}

@test "hold of a command ends it with its last opener, also by kill -9" {
	in_i 'echo "sleep 100" > run'
	(cd "$M/$I" && exec sleep 30 <last/hold) 3>&- &
	holder=$!
	eventually 5 held $holder
	same "$(cat "$M/$I/last/state")" running
	kill -9 $holder
	same "$(in_i 'cat last/wait last/reason')" $'143\nuser'
}
held() { [ -e "/proc/$1/fd/0" ] && [[ $(readlink "/proc/$1/fd/0") == */hold ]]; }

@test "abort while yagna is away is done when it is back" {
	in_i 'echo "sleep 100" > run; cat last/state'
	kill -STOP "$DEVNET_PID"
	in_i ': > last/abort'
	kill -CONT "$DEVNET_PID"
	same "$(in_i 'cat last/wait last/reason')" $'143\nuser'
}

# --- the run of a backend --------------------------------------------------------------------------------------

@test "run of a backend takes a free instance, then rents up to max_instances, then waits its turn" {
	in_sh 'echo "create p max_instances=2" > backends/ctl; echo start > backends/p/ctl; cat backends/p/wait; cd backends/p
		for i in 1 2 3 4; do echo "hostname; sleep 1; exit $i" > run; done; cat commands/wait; ls -d instances/*/ | wc -l; cat last/exit; readlink last; cat commands/*/stdout | sort -u | wc -l' >"$DIR/out"
	same "$(cat "$DIR/out")" $'ready\n1 done\n2 done\n3 done\n4 done\n2\n4\ncommands/4\n2'
	same "$(in_sh 'exec 3<>backends/p/run; echo "echo mine" >&3; read -r n <&3; cat backends/p/commands/$n/stdout_pipe')" mine
}

@test "commands of a backend have names, stdin and aborts too" {
	same "$(in_sh 'cd backends/p; mkdir commands/c; echo cat > commands/c/cmdline; echo through > commands/c/stdin; echo run > commands/c/ctl; cat commands/c/stdout_pipe')" through
	in_sh 'cd backends/p; for i in 1 2 3; do echo "sleep 100" > run; done; : > abort; cat commands/wait >/dev/null; cat last/reason last/state' >"$DIR/out"
	same "$(cat "$DIR/out")" $'backend\naborted'
}

@test "run of a backend that is not started is refused, and its stop ends what waits" {
	in_sh 'echo stop > backends/p/ctl; cat backends/p/wait' >/dev/null
	in_sh 'echo "echo x" > backends/p/run'
	matches "$(tail -n 1 "$M/backends/p/error")" 'write start'
	in_sh 'rmdir backends/p'
}

@test "machines that cannot be made end the commands that wait for one" {
	backend f max_instances=1
	fault '{"point":"deploy"}' >/dev/null
	in_sh 'cd backends/f; echo "echo x" > run; cat last/wait last/reason' >"$DIR/out"
	same "$(cat "$DIR/out")" $'255\nlost'
	faults_clear
	in_sh 'rmdir backends/f'
}

@test "every block of docs/commands.md works as written" {
	sed -n '/^```sh$/,/^```$/{/^```/d;p}' "$TOP/docs/commands.md" >"$DIR/blocks"
	instance b manual
	run bash -e -c 'cd "$1" && . "$2"' bash "$M/backends/b/instances/manual" "$DIR/blocks"
	same "$status $output" $'0 hello\nhello from /tmp\n5febbef14389ebcfc3e501fa1091adcb  -\nsum: 3\n0\n143\nuser'
	in_sh 'rmdir backends/b/instances/manual'
}
