#!/usr/bin/env bats
# run-on-golem, by every shell it is written for: outputs, input, exit codes, Ctrl+C, prompts, what is left behind.

load harness

setup_file() {
	mount_start
	backend b
	instance b one
	GOLEMFS_MOUNT=$M
	I=$M/backends/b/instances/one
	ROG=$BUILD/fs/run-on-golem
	export GOLEMFS_MOUNT I ROG
}
teardown_file() { mount_stop; }
# Whatever a test did: no backend, no command, no private mount and no process of it stays.
teardown() {
	local pid
	eventually $((10 * STRETCH)) nothing_left && return 0
	ls "$M/backends" "$I/commands" >&2
	processes >&2
	# So that the next test is not blamed.
	for pid in $(processes | cut -d ' ' -f 1); do kill -9 "$pid"; done
	for name in "$M"/backends/run-*; do rmdir "$name"; done
	for name in "$I"/commands/*; do echo abort >"$name/abort" && cat "$name/wait" >/dev/null && rmdir "$name"; done
	return 1
}
nothing_left() {
	nothing_rented_by_it && [ -z "$(ls "$I/commands")" ] && [ -z "$(processes)" ]
}
nothing_rented_by_it() { ! ls -d "$M"/backends/run-* >/dev/null 2>&1; }
# Programs of this suite are known by its mount.
processes() {
	local environment pid
	for environment in /proc/[0-9]*/environ; do
		if tr '\0' '\n' <"$environment" 2>/dev/null | grep -qx "RUN_ON_GOLEM_TEST=$DIR"; then
			pid=${environment%/environ}
			tr '\0' ' ' <"$pid/cmdline" | sed "s|^|${pid#/proc/} |"
		fi
	done 2>/dev/null
}

shells=(dash bash "busybox sh")
# rog ARGUMENT…: by $shell, dash unless told otherwise; on a terminal, with the steps first: at_terminal.
rog() {
	# shellcheck disable=SC2086
	RUN_ON_GOLEM_TEST=$DIR timeout -k 2 $((30 * STRETCH)) ${shell-dash} "$ROG" "$@"
}
at_terminal() {
	local steps=$1
	shift
	# shellcheck disable=SC2086
	RUN_ON_GOLEM_TEST=$DIR timeout -k 2 $((50 * STRETCH)) "$PYTHON" "$TOP/tests/bats/terminal.py" "$steps" ${shell-dash} "$ROG" "$@"
}
# every_shell FUNCTION: in each of the shells, which is named where it fails.
every_shell() {
	for shell in "${shells[@]}"; do
		"$@" || {
			echo "in $shell" >&2
			return 1
		}
	done
}
# How many processes of that command line live on the instance.
on_instance() { rog -n "$I" "ps -eo args | grep -cx '$1'" </dev/null || :; }

# --- outputs, input, exit codes -----------------------------------------------------------------------------

outputs_apart() {
	run --separate-stderr rog -n "$I" 'echo out; echo err >&2; exit 3' </dev/null
	same "$status" 3 && same "$output" out && same "$stderr" err
}
@test "both outputs come apart, and the exit code is the remote one" { every_shell outputs_apart; }

own_machine() {
	run --separate-stderr rog -- sh -c 'echo out; echo err >&2; exit 3' </dev/null
	same "$status" 3 && same "$output" out && same "$stderr" err
}
@test "without -n a machine is rented for the command, and given back" { every_shell own_machine; }

input_passes() {
	head -c 300000 /dev/urandom >"$DIR/input"
	rog -n "$I" cat <"$DIR/input" | cmp - "$DIR/input"
	same "$(printf 'a\nb' | rog -n "$I" 'read x; echo "$x"; cat')" $'a\nb'
}
@test "standard input is passed, every byte and its end" { every_shell input_passes; }
@test "standard input may be closed, and nobody need read it" {
	same "$(rog -n "$I" 'cat; echo end' <&-)" end
	same "$(yes | rog -n "$I" 'echo not read')" 'not read'
}

@test "exit codes of programs that are not there, cannot be run, or were killed are those of a shell" {
	run -127 rog -n "$I" no-such-program </dev/null
	run rog -n "$I" /etc/passwd </dev/null
	same "$status" 126
	run rog -n "$I" 'kill -KILL $$' </dev/null
	same "$status" 137
}

@test "output streams as it comes" {
	launch -n "$I" 'echo started; sleep 3; echo second'
	! grep -q second "$DIR/out"
	wait "$pid"
	same "$(cat "$DIR/out")" $'started\nsecond'
}

@test "a reader that goes away ends the command" {
	same "$(rog -n "$I" yes </dev/null | head -n 1)" y
	becomes 5 0 on_instance yes
}

arguments_exact() {
	run rog -- printf '[%s]' "it's" 'a  b' '$HOME' '' $'two\nlines\n' '*' '\' </dev/null
	same "$status" 0 && same "$output" "[it's][a  b][\$HOME][]["$'two\nlines\n'"][*][\\]"
}
@test "several arguments are a program and its arguments, exactly" { every_shell arguments_exact; }
@test "a single argument is a line for the shell" { same "$(rog -- 'x=1; echo "$((x + 1))"' </dev/null)" 2; }
@test "after -n the arguments are words on a line, as ssh takes them" {
	same "$(rog -n "$I" 'x=1;' echo '"$x  y"' </dev/null)" '1  y'
	same "$(ls "$I/commands")" ''
}

@test "-e, -w and -t are for the command" {
	same "$(rog -n "$I" -e 'A=it is' -eB=2 -w /usr 'echo $A $B $PWD' </dev/null)" 'it is 2 /usr'
	run rog -n "$I" -t 1 sleep 100 </dev/null
	same "$status" 124
}
@test "-i and -o set up the machine" {
	run at_terminal '' -i golem/alpine:3 -o min_mem_gib=1 -o 'min_cpu_threads=2' -- true
	same "$status" 0
	run rog -o min_mem_gib=lots -- true </dev/null
	same "$status" 125
	contains "$output" min_mem_gib
	run rog -o colour=red -- true </dev/null
	same "$status" 125
	contains "$output" colour
}

@test "a machine that goes takes its command along: 255, and a sentence" {
	instance b two
	launch -n two 'echo started; exec sleep 4321'
	rmdir "$M/backends/b/instances/two"
	status=0
	wait "$pid" || status=$?
	same "$status" 255
	contains "$(cat "$DIR/err")" 'the command is lost'
}
@test "without an agent on the machine commands run, Ctrl+C aborts, and only input is refused" {
	backend n agent=no
	instance n plain
	run rog -n plain 'echo out; exit 3' </dev/null
	same "$status" 3 && same "$output" out
	run --separate-stderr rog -n plain cat < <(echo in)
	same "$status" 126
	contains "$stderr" 'without an agent'
	run timeout 30 "$PYTHON" "$TOP/tests/bats/terminal.py" 'see started
		key C' sh -c 'exec "$@" </dev/null' sh "$ROG" -n plain 'echo started; exec sleep 4321'
	same "$status" 130
	rmdir "$M/backends/n"
}

@test "a script comes in through standard input" {
	run rog -n "$I" < <(printf 'cd /tmp\necho "in $PWD"\nexit 4\n')
	same "$status" 4
	same "$output" 'in /tmp'
}

# --- refusals -----------------------------------------------------------------------------------------------

says() { # SENTENCE ARGUMENT…: exit 125, and the sentence on standard error
	local sentence=$1
	shift
	run --separate-stderr rog "$@" </dev/null
	same "$status" 125 && same "$output" '' && contains "$stderr" "run-on-golem: $sentence"
}
wrong_options() {
	says 'unknown option "--kepp"' --kepp -- true &&
		says 'unknown option "-x"' -x &&
		says 'the option "-i" needs a value' -i &&
		says 'the option "--backend" needs a value' --backend &&
		says 'the value of -n is empty' -n '' true &&
		says '-e wants NAME=VALUE, not "A"' -e A true &&
		says '-n uses an instance' -n "$I" --keep true &&
		says '--devnet starts a network' --devnet -m "$M" true
}
@test "a mistyped option is named" { every_shell wrong_options; }
@test "what is not there is named" {
	says 'there is no instance "nobody"' -n nobody true
	says "there is no backend \"nobody\" in $M" --backend nobody true
	says "there is no golemfs at $DIR" -m "$DIR" true
}
@test "what golemfs refuses is told in its own words" {
	says 'no machine: ' -o rent_timeout=1 -o min_mem_gib=100000 -- true
	says 'rent_timeout=never: ' -o rent_timeout=never -- true
}
@test "--help and the manual name every option" {
	run rog --help
	same "$status" 0
	for option in $(sed -n 's/^`\(-[-a-z]*\).*/\1/p' "$TOP/docs/run-on-golem.1.md"); do contains "$output" "$option"; done
	contains "$output" '--keep'
}

# --- Ctrl+C -------------------------------------------------------------------------------------------------

ctrl_c() {
	run at_terminal 'see started
		key C' -n "$I" 'echo started; exec sleep 4321'
	same "$status" 130 && same "$(on_instance 'sleep 4321')" 0
}
@test "Ctrl+C stops the command on the instance, and nothing else" {
	ran "${I#"$M/"}" 'echo kept > /tmp/kept; sleep 1234 >/dev/null 2>&1 &'
	rmdir "$I"/commands/*
	every_shell ctrl_c
	same "$(rog -n "$I" 'cat /tmp/kept' </dev/null)" kept
	same "$(on_instance 'sleep 1234')" 1
	rog -n "$I" "pkill -x -f 'sleep 1234'" </dev/null
}
@test "a program that catches Ctrl+C ends as it likes" {
	run at_terminal 'see started
		key C
		see tidied' -n "$I" 'trap "echo tidied; exit 5" INT; echo started; while :; do sleep 0.1; done'
	same "$status" 5
}
ctrl_c_twice() {
	run at_terminal 'see started
		key C
		pause 0.5
		key C' -n "$I" 'trap "" INT; echo started; while :; do sleep 1.234; done'
	same "$status" 130 && becomes 8 0 on_instance 'sleep 1.234'
}
@test "a second Ctrl+C within two seconds leaves, whatever the command makes of it" { every_shell ctrl_c_twice; }
@test "a Ctrl+C long after the first is a first one" {
	run at_terminal 'see started
		key C
		see one
		pause 2.5
		key C
		see two
		type go on' -n "$I" 'trap "echo one; trap \"echo two\" INT" INT; echo started; until read x; do :; done; exit 6'
	same "$status" 6
}
@test "Ctrl+C while a machine is being rented gives it up" {
	fault '{"point":"slow","delay_ms":5000}' >/dev/null
	run at_terminal 'see deploying
		key C' -- true
	faults_clear
	same "$status" 130
}

# --- a prompt -----------------------------------------------------------------------------------------------

prompt() {
	run at_terminal 'see \$ $
		type cd /tmp; X=5; mine() { echo "mine $X"; }
		see golem:/tmp\$ $
		type echo begun; sleep 4321; echo not this
		see ^begun
		key C
		see golem:/tmp\$ $
		type mine
		see ^mine 5
		see golem:/tmp\$ $
		pause 2
		type while :; do echo turn; sleep 1; done
		see ^turn
		key C
		see golem:/tmp\$ $
		type (exit 7)
		see golem:/tmp\$ $
		key D' -n "$I"
	same "$status" 7 && [ "$(grep -c '^not this' <<<"$output")" = 0 ]
}
@test "without a command there is a prompt: Ctrl+C comes back to it, Ctrl+D leaves" { every_shell prompt; }
@test "a program at the prompt reads what is typed" {
	run at_terminal 'see \$ $
		type read answer; echo "got $answer"
		pause 0.3
		type forty-two
		see ^got forty-two
		type exit 3' -n "$I"
	same "$status" 3
}
@test "two Ctrl+C at the prompt leave" {
	run at_terminal 'see \$ $
		key C
		see \$ $
		key C' -n "$I"
	same "$status" 130
}
@test "outputs at a prompt do not overtake each other" {
	run at_terminal 'see \$ $
		type for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; done
		see (^out \d\nerr \d\n){5}golem:.*\$ $
		key D' -n "$I"
	same "$status" 0
}
@test "the remote shell may be dash, bash or busybox" {
	rog -n "$I" 'ls -l /bin/sh' </dev/null >/dev/null
	for remote in dash bash "busybox sh"; do
		run at_terminal "see \\\$ \$
			type exec $remote -i +m 2>&1
			pause 0.5
			type echo begun; sleep 4321
			see ^begun
			key C
			pause 0.5
			type echo alive
			see ^alive
			key D" -n "$I"
		[ "$status" != 99 ]
	done
}

# --- what is left -------------------------------------------------------------------------------------------

# launch ARGUMENT…: beside us, its process in $pid, until it has said started.
launch() {
	: >"$DIR/out"
	# shellcheck disable=SC2086
	RUN_ON_GOLEM_TEST=$DIR ${shell-dash} "$ROG" "$@" </dev/null >"$DIR/out" 2>"$DIR/err" 3>&- &
	pid=$!
	eventually 10 grep -q started "$DIR/out"
}
# In every shell: the machine goes, whatever ends the script. teardown looks. After kill -9 nobody is there to remove
# the name of the backend too.
ends_by() { # SIGNAL
	launch -- sh -c 'echo started; exec sleep 4321' || return 1
	kill "-$1" "$pid"
	status=0
	{ wait "$pid" || status=$?; } 2>/dev/null
	case $1 in
	KILL)
		becomes 10 stopped cat "$M/backends/run-$pid/state"
		rmdir "$M/backends/run-$pid"
		;;
	*) eventually 10 nothing_rented_by_it ;;
	esac
}
terminated() { ends_by TERM && same "$status" 143; }
hung_up() { ends_by HUP && same "$status" 129; }
killed() { ends_by KILL && same "$status" 137; }
@test "TERM ends everything" { every_shell terminated; }
@test "HUP ends everything" { every_shell hung_up; }
@test "kill -9 ends everything" { every_shell killed; }
@test "kill -9 ends a command on an instance that stays" {
	launch -n "$I" 'echo started; exec sleep 4321'
	kill -9 "$pid"
	wait "$pid" || :
	becomes 10 0 on_instance 'sleep 4321'
	rmdir "$I"/commands/*
}
closed_terminal() {
	run at_terminal 'see started
		hang-up' -- 'echo started; exec sleep 4321'
	eventually 10 nothing_rented_by_it
}
@test "a closed terminal ends everything" { every_shell closed_terminal; }

near_by() {
	local TMPDIR=$DIR/own
	export TMPDIR
	mkdir -p "$TMPDIR"
	run at_terminal 'see golem:.*\$ $
		type cd /usr; sleep 4321
		pause 1
		key C
		see golem:/usr\$ $
		key D' --devnet
	[ "$status" != 99 ] && same "$(ls "$TMPDIR")" ''
}
@test "Ctrl+C at a prompt with the latencies of a provider near by" { every_shell near_by; }
own_mount() {
	local TMPDIR=$DIR/own ended
	export TMPDIR
	mkdir -p "$TMPDIR"
	run --separate-stderr rog --devnet=--fast -- 'echo out; exit 3' </dev/null
	same "$status" 3 && same "$output" out && same "$stderr" '' && same "$(ls "$TMPDIR")" ''
}
@test "--devnet mounts a network of its own and takes it down" { every_shell own_mount; }
@test "a private mount goes when the script is killed, or its terminal closed" {
	local TMPDIR=$DIR/own
	export TMPDIR
	mkdir -p "$TMPDIR"
	for ending in kill hang-up; do
		run at_terminal "see started
			$ending" --devnet=--fast -- 'echo started; exec sleep 4321'
		becomes $((20 * STRETCH)) '' ls "$TMPDIR"
	done
}
@test "--keep leaves the machine, and says where" {
	run --separate-stderr rog --keep -- 'echo kept > /tmp/kept' </dev/null
	same "$status" 0
	matches "$stderr" "kept: ($M/backends/run-[0-9]*/instances/one)"
	kept=${BASH_REMATCH[1]}
	same "$(cat "$kept/state")" ready
	same "$(rog -n "$kept" cat /tmp/kept </dev/null)" kept
	rmdir "$M/backends/$(basename "${kept%/instances/one}")"
}
@test "--keep leaves a private mount too" {
	local TMPDIR=$DIR/own
	export TMPDIR
	mkdir -p "$TMPDIR"
	run --separate-stderr rog --devnet=--fast --keep -- true </dev/null
	same "$status" 0
	kept=${stderr#*kept: }
	same "$(rog -n "$kept" echo there </dev/null)" there
	fusermount3 -u "${kept%%/backends/*}"
	becomes 20 '' processes
	rm -rf --one-file-system "$TMPDIR"
}
@test "--backend rents one more machine of a backend that is there, and gives it back" {
	same "$(rog --backend b -- 'echo on another' </dev/null)" 'on another'
	same "$(echo "$M"/backends/b/instances/*/)" "$I/"
}

@test "progress is told to a terminal, and only there" {
	run at_terminal 'see searching
		see offer of .* for [0-9.]* GLM/h
		see deploying
		see ready
		see hello' -- echo hello
	same "$status" 0
	run --separate-stderr rog -- echo hello </dev/null
	same "$stderr" ''
}

# --- found, and used by other programs ----------------------------------------------------------------------

@test "the mount one stands in is found" {
	same "$(unset GOLEMFS_MOUNT; cd "$M/backends" && rog -- 'echo found' </dev/null)" found
}
@test "an instance is found by its path, from where one stands, and by its name" {
	same "$(rog -n "$I" echo path </dev/null)" path
	same "$(cd "$M/backends/b/instances" && rog -n one echo here </dev/null)" here
	same "$(rog -n one echo name </dev/null)" name
}

@test "xargs -P runs many at once on one instance" {
	seq 20 | RUN_ON_GOLEM_TEST=$DIR xargs -P 8 -I{} "$ROG" -n "$I" 'sleep 0.2; echo $(({} * 2))' >"$DIR/out"
	same "$(sort -n "$DIR/out" | xargs)" "$(seq -s ' ' 2 2 40)"
}
@test "GNU parallel takes it for its ssh, with instances for hosts" {
	instance b two
	seq 10 | RUN_ON_GOLEM_TEST=$DIR PARALLEL_SSH="$ROG -n" HOME=$DIR parallel --will-cite --sshlogin one,two 'echo {} on $(hostname)' >"$DIR/out"
	same "$(cut -d ' ' -f 1 "$DIR/out" | sort -n | xargs)" "$(seq -s ' ' 10)"
	same "$(cut -d ' ' -f 3 "$DIR/out" | sort -u | wc -l)" 2
	rmdir "$M/backends/b/instances/two"
}
@test "rsync -e copies a tree there and back" {
	mkdir -p "$DIR/tree/sub dir"
	head -c 200000 /dev/urandom >"$DIR/tree/sub dir/random"
	ln -s 'sub dir/random' "$DIR/tree/link"
	RUN_ON_GOLEM_TEST=$DIR timeout 60 rsync -rlt -e "$ROG -n" "$DIR/tree/" one:/tmp/tree/
	RUN_ON_GOLEM_TEST=$DIR timeout 60 rsync -rlt -e "$ROG -n" one:/tmp/tree/ "$DIR/back/"
	diff -r "$DIR/tree" "$DIR/back"
	same "$(readlink "$DIR/back/link")" 'sub dir/random'
}
@test "tar goes through a pipe both ways" {
	mkdir -p "$DIR/packed"
	echo content >"$DIR/packed/file"
	same "$(tar -C "$DIR" -cf - packed | rog -n "$I" 'tar -C /tmp --no-same-owner -xf - && tar -C /tmp -cf - packed' | tar -xOf - packed/file)" content
}
