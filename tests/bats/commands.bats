#!/usr/bin/env bats
# Running programs: text and argument vectors, exit codes, outputs byte by byte, queues, numbers.

load harness

setup_file() {
	mount_start
	backend b
	instance b one
}
teardown_file() { mount_stop; }

I=backends/b/instances/one
in_i() { in_sh "cd $I; $1" "${@:2}"; }

@test "shell text runs in a shell" { same "$(ran $I 'x=1; echo "$((x + 1))" | tr 2 3')" 3; }
@test "a JSON array is an argument vector, run without a shell" {
	same "$(ran $I '["/bin/echo", "$HOME", "a b", "*"]')" '$HOME a b *'
}
@test "a JSON array may stand on several lines" {
	in_i 'printf "[\n \"/bin/echo\",\n \"x\"\n]\n" > run; cat last/stdout_pipe' >"$DIR/out"
	same "$(cat "$DIR/out")" x
}
@test "text that only begins like JSON is shell text" { same "$(ran $I '[ 1 = 1 ] && echo yes')" yes; }
@test "a JSON array of something else than strings is refused" {
	before=$(in_i 'ls commands | wc -l')
	wrote $I/run '["/bin/echo", 1]' >/dev/null
	eventually 5 grep -qF '["/bin/echo", 1]' "$M/$I/error"
	same "$(in_i 'ls commands | wc -l')" "$before"
}

@test "exit codes are those of a shell" {
	for code in 0 1 3 42 126 255; do
		run ran $I "exit $code"
		same "$status" "$code"
	done
	run ran $I 'kill -TERM $$'
	same "$status" 143
	run ran $I 'kill -KILL $$'
	same "$status" 137
	run ran $I 'no-such-program-here'
	same "$status" 127
}

@test "exit reads running until the end, then a number" {
	in_i 'echo "sleep 1; exit 4" > run; cat last/exit' >"$DIR/out"
	matches "$(cat "$DIR/out")" '^(queued|running)$'
	same "$(in_i 'cat last/wait; cat last/exit')" $'4\n4'
	same "$(cat "$M/$I/last/state")" done
	same "$(cat "$M/$I/last/reason")" ""
}

@test "wait of a command gives its number, whatever it is" {
	in_i 'echo "exit 9" > run'
	same "$(got $I/last/wait)" 9$'\n' || same "$(got $I/last/wait)" 9
}

@test "stdout and stderr are apart, byte exact" {
	in_i 'echo "printf out; printf err >&2" > run; cat last/wait >/dev/null'
	same "$(cat "$M/$I/last/stdout")" out
	same "$(cat "$M/$I/last/stderr")" err
	same "$(stat -c %s "$M/$I/last/stdout")" 3
}

@test "every byte value passes" {
	in_i 'echo "for i in \$(seq 0 255); do printf \"\\\\\$(printf %03o \$i)\"; done" > run; cat last/stdout_pipe' >"$DIR/bytes"
	"$PYTHON" -c 'import sys; sys.stdout.buffer.write(bytes(range(256)))' >"$DIR/expected"
	cmp "$DIR/bytes" "$DIR/expected"
}

@test "one mebibyte of random bytes comes through whole" {
	in_i 'echo "head -c 1048576 /dev/urandom > /tmp/r; md5sum < /tmp/r >&2; cat /tmp/r" > run; cat last/stdout_pipe' >"$DIR/random"
	same "$(stat -c %s "$DIR/random")" 1048576
	in_i 'cat last/wait' >/dev/null
	same "$(md5sum <"$DIR/random")" "$(cat "$M/$I/last/stderr")"
	same "$(in_i 'md5sum < last/stdout')" "$(cat "$M/$I/last/stderr")"
}

@test "a burst of short lines loses none" {
	in_i 'echo "seq 50000" > run; cat last/stdout_pipe | md5sum' >"$DIR/out"
	same "$(cat "$DIR/out")" "$(seq 50000 | md5sum)"
}

@test "a last line without newline is there" { same "$(ran $I 'printf "a\nb"')" $'a\nb'; }
@test "no output is an empty file" {
	in_i 'echo true > run; cat last/wait >/dev/null'
	same "$(stat -c %s "$M/$I/last/stdout")" 0
}

@test "output streams while the command runs" {
	in_i 'echo "echo first; sleep 3; echo second" > run
		exec 4<last/stdout_pipe; read -r -t 2 line <&4 && echo "$line" && cat last/state; cat last/wait >/dev/null; cat <&4' >"$DIR/out"
	same "$(cat "$DIR/out")" $'first\nrunning\nsecond'
}

@test "the pipes give everything from the first byte to late and repeated readers" {
	in_i 'echo "echo whole" > run; cat last/wait >/dev/null'
	same "$(in_i 'cat last/stdout_pipe; cat last/stdout_pipe')" $'whole\nwhole'
}

@test "commands of one instance start in the order of writing" {
	in_i 'for i in 1 2 3 4 5; do echo "echo \$\$" > run; done; cat commands/wait >/dev/null'
	# Pids are given out in the order of the starts; what the programs do then is side by side.
	in_i 'for n in $(ls commands | sort -n | tail -n 5); do cat commands/$n/stdout; done' >"$DIR/pids"
	sort -n "$DIR/pids" | cmp - "$DIR/pids"
}

@test "cmdline is exactly what was written" {
	in_i 'printf "echo  two  blanks\n" > run'
	same "$(in_i 'od -c last/cmdline')" "$(printf 'echo  two  blanks\n' | od -c)"
}

@test "several writes between open and close are one command" {
	in_i '{ echo "echo a"; echo "echo b"; } > run; cat last/stdout_pipe' >"$DIR/out"
	same "$(cat "$DIR/out")" $'a\nb'
}

@test "a script of 300 KB copied into run is one command, and runs" {
	{
		for i in $(seq 7000); do echo "# a line of comment, number $i, to make it long"; done
		echo 'echo reached the end'
	} >"$DIR/script"
	[ "$(stat -c %s "$DIR/script")" -gt 300000 ]
	in_i 'cp "$1" run; cat last/stdout_pipe' "$DIR/script" >"$DIR/out"
	same "$(cat "$DIR/out")" "reached the end"
	cmp "$DIR/script" "$M/$I/last/cmdline"
}

@test "writing to run by appending, tee, dd and python makes one command each" {
	before=$(in_i 'ls commands | wc -l')
	in_i 'echo "echo 1" >> run; echo "echo 2" | tee run >/dev/null; echo "echo 3" | dd of=run bs=3 status=none
		"$1" -c "open(\"run\", \"w\").write(\"echo 4\")"; cat commands/wait >/dev/null' "$PYTHON"
	same "$(in_i 'ls commands | wc -l')" $((before + 4))
	same "$(in_i 'cat $(ls -d commands/* | sort -t/ -k2n | tail -n 4 | sed s,$,/stdout,)' | tr '\n' ' ')" "1 2 3 4 "
}

@test "opening and closing run without writing makes no command" {
	before=$(in_i 'ls commands | wc -l')
	in_i ': > run; cat run >/dev/null; exec 3<>run; exec 3>&-; true 3>run'
	same "$(in_i 'ls commands | wc -l')" "$before"
}

@test "a number read back queues the command, and closing adds no second one" {
	before=$(in_i 'ls commands | wc -l')
	in_i 'exec 3<>run; echo "echo mine" >&3; read n <&3; cat commands/$n/wait; exec 3>&-' >"$DIR/out"
	same "$(cat "$DIR/out")" 0
	same "$(in_i 'ls commands | wc -l')" $((before + 1))
}

@test "a descriptor held open by a child commits at its last close" {
	in_i 'exec 3>run; echo "echo late" >&3; (exec 3>&-); n=$(ls commands | wc -l); exec 3>&-; echo "$n" "$(ls commands | wc -l)"' >"$DIR/out"
	read -r before after <"$DIR/out"
	same "$after" $((before + 1))
}

@test "last names a command as soon as the writer has closed" {
	in_i 'for i in $(seq 100); do echo "echo $i" > run; readlink last; done' >"$DIR/out"
	same "$(sort -u "$DIR/out" | wc -l)" 100
	LIMIT=60 in_i 'cat commands/wait >/dev/null'
}

@test "twenty writers side by side each read their own number" {
	LIMIT=60 in_i 'for i in $(seq 20); do
		(exec 3<>run; echo "echo out-$i" >&3; read n <&3; exec 3>&-; cat commands/$n/wait >/dev/null
		 [ "$(cat commands/$n/stdout)" = "out-$i" ] && echo good) & done; wait' >"$DIR/out"
	same "$(grep -c good "$DIR/out")" 20
}

@test "make -j4 with commands side by side" {
	command -v make >/dev/null
	{
		printf 'all: %s\n' "$(seq -s ' ' -f 't%g' 20)"
		printf 't%%:\n\t@exec 3<>%s/run; echo "echo $@; exit 0" >&3; read n <&3; exec 3>&-; test "$$(cat %s/commands/$$n/wait)" = 0; test "$$(cat %s/commands/$$n/stdout)" = $@; echo good-$@\n' \
			"$M/$I" "$M/$I" "$M/$I"
	} >"$DIR/Makefile"
	run timeout 60 make -s -j4 -f "$DIR/Makefile" all
	[ "$status" = 0 ] || {
		echo "$output" >&2
		return 1
	}
	same "$(grep -c '^good-' <<<"$output")" 20
}

@test "tee instances/*/run gives a command to each" {
	instance b two
	in_sh 'echo "echo to all" | tee backends/b/instances/*/run >/dev/null; cat backends/b/instances/*/last/stdout_pipe' >"$DIR/out"
	same "$(cat "$DIR/out")" $'to all\nto all'
	in_sh 'rmdir backends/b/instances/two'
}

@test "binary and NUL bytes in a command are refused or run, never truncated silently" {
	before=$(in_i 'ls commands | wc -l')
	wrote $I/run 'echo a\000b\n' >/dev/null
	if [ "$(in_i 'ls commands | wc -l')" = "$before" ]; then
		contains "$(tail -n 1 "$M/$I/error")" 'echo a'
	else
		same "$(in_i 'cat last/wait >/dev/null; wc -c < last/cmdline')" 9
	fi
}

@test "an ended command can be forgotten, its number is not used again" {
	in_i 'echo true > run; cat last/wait >/dev/null'
	last=$(basename "$(readlink "$M/$I/last")")
	in_i 'rmdir commands/$1' "$last"
	[ ! -e "$M/$I/commands/$last" ]
	in_i 'echo true > run'
	[ "$(basename "$(readlink "$M/$I/last")")" -gt "$last" ]
}

@test "usage of an ended command is there" {
	in_i 'echo true > run; cat last/wait >/dev/null'
	in_i 'cat last/usage' >/dev/null
}

@test "commandStarted and commandFinished stand in the events, once each" {
	in_i 'echo "exit 7" > run; cat last/wait >/dev/null'
	n=$(basename "$(readlink "$M/$I/last")")
	for event in commandStarted commandFinished; do
		same "$event $(jq -s "map(select(.event == \"$event\" and (.command | tostring) == \"$n\")) | length" "$M/$I/events")" "$event 1"
	done
}

@test "a command that never ends is stopped by command_timeout, with 124 and its reason" {
	backend t command_timeout=1
	instance t i
	in_sh 'cd backends/t/instances/i; echo "sleep 100" > run; cat last/wait' >"$DIR/out"
	same "$(cat "$DIR/out")" 124
	same "$(cat "$M/backends/t/instances/i/last/reason")" timeout
	in_sh 'rmdir backends/t'
}

@test "commands whose instance is stopped end as aborted, with the reason instance" {
	instance b three
	in_sh 'cd backends/b/instances/three; echo "sleep 100" > run; echo "echo queued" > run
		echo stop > ctl; cat commands/1/wait >/dev/null; cat commands/1/reason commands/2/reason commands/2/state' >"$DIR/out"
	same "$(tr '\n' ' ' <"$DIR/out")" "instance instance aborted "
	in_sh 'rmdir backends/b/instances/three'
}

@test "instances have files and processes of their own" {
	instance b four
	ran backends/b/instances/four 'echo mine > /tmp/own' >/dev/null
	run ran $I 'cat /tmp/own'
	[ "$status" != 0 ]
	in_sh 'rmdir backends/b/instances/four'
}
