#!/usr/bin/env bats
# The tree as it looks to those who only look: names, modes, times, help, and that looking costs nothing.

load harness

setup_file() {
	mount_start
	backend b
	instance b one
	ran backends/b/instances/one 'echo hello'
}
teardown_file() { mount_stop; }

@test "the root has the documented names" {
	same "$(in_sh 'ls' | tr '\n' ' ')" "README backends cost error events log networks status version "
}

@test "a backend has the documented names" {
	same "$(in_sh 'ls backends/b' | tr '\n' ' ')" \
		"abort agreements commands config cost ctl error events instances offers run state "
}

@test "an instance has the documented names" {
	same "$(in_sh 'ls backends/b/instances/one' | tr '\n' ' ')" \
		"abort activity agreement commands cost ctl error events forward last networks provider run state ws "
}

@test "a command has the documented names" {
	same "$(in_sh 'ls backends/b/instances/one/commands/1' | tr '\n' ' ')" \
		"abort cmdline ctl env exit reason state stderr stdin stdout timeout tty usage workdir "
}

@test "files whose read waits are in no listing, and are found by name" {
	run in_sh 'find . -name wait -o -name any -o -name hold -o -name "*_pipe"'
	same "$output" ""
	for name in wait backends/wait backends/any backends/b/wait backends/b/hold events_pipe \
		backends/b/instances/one/wait backends/b/instances/one/hold backends/b/instances/one/commands/wait \
		backends/b/instances/one/commands/any backends/b/instances/one/commands/1/wait \
		backends/b/instances/one/commands/1/hold backends/b/instances/one/commands/1/stdout_pipe; do
		[ -f "$M/$name" ] || {
			echo "$name is not there" >&2
			return 1
		}
	done
}

@test "a look-up of an unlisted file changes no listing" {
	before=$(in_sh 'ls -R')
	in_sh 'stat wait backends/b/hold backends/b/instances/one/events_pipe' >/dev/null
	same "$(in_sh 'ls -R')" "$before"
}

@test "last leads to the newest command" {
	same "$(readlink "$M/backends/b/instances/one/last")" commands/1
}

@test "values cannot be opened for writing, not even by root" {
	for name in state backends/b/state version backends/b/instances/one/commands/1/exit events error; do
		[ -e "$M/$name" ] || continue
		same "$(wrote "$name" x)" EACCES
	done
}

@test "modes say what can be written" {
	same "$(stat -c %a "$M/backends/b/state")" 444
	same "$(stat -c %A "$M/backends/b/config/image" | cut -c3)" w
	same "$(stat -c %A "$M/backends/b/ctl" | cut -c2-3)" rw
	same "$(stat -c %F "$M/backends/b/instances")" directory
	same "$(stat -c %F "$M/backends/b/instances/one/last")" "symbolic link"
}

@test "every listed file can be read to its end" {
	run in_sh 'find . -type f -print0 | xargs -0 -n1 timeout 5 cat >/dev/null'
	same "$output" ""
	[ "$status" = 0 ]
}

@test "stat tells the length that reading gives" {
	in_sh 'find . -type f' | while read -r name; do
		case $name in *events | *log | *cost | *status | *usage | *offers) continue ;; esac
		same "$name $(stat -c %s "$M/$name")" "$name $(wc -c <"$M/$name")"
		same "$name $(stat -c %s "$M/$name")" "$name $(cat "$M/$name" | wc -c)"
	done
}

@test "one value per file, a newline at its end" {
	for name in version backends/b/state backends/b/config/image backends/b/instances/one/state \
		backends/b/instances/one/commands/1/exit; do
		same "$name $(wc -l <"$M/$name")" "$name 1"
	done
}

@test "tables begin with a head line" {
	for name in cost backends/b/offers backends/b/cost backends/b/agreements; do
		matches "$(head -n 1 "$M/$name")" '^#'
	done
}

@test "every ctl and run explains itself when read" {
	in_sh 'find . -name ctl -o -name run' | while read -r name; do
		[ "$(wc -c <"$M/$name")" -gt 40 ] || {
			echo "$name does not explain itself" >&2
			return 1
		}
	done
	for verb in start stop abort scan 'set' destroy; do contains "$(cat "$M/backends/b/ctl")" "$verb"; done
	for verb in stop abort reset destroy; do contains "$(cat "$M/backends/b/instances/one/ctl")" "$verb"; done
}

@test "README names every listed file of the root" {
	for name in $(in_sh 'ls'); do contains "$(cat "$M/README")" "$name"; done
}

@test "find, grep -r, du, tar, cp -r, rsync, md5sum: they end, change nothing, spend nothing" {
	before=$(in_sh 'ls -R; cat backends/b/state backends/b/instances/one/state')
	traverse() {
		in_sh 'find . -ls' >/dev/null
		in_sh 'grep -r nothing-has-this-text .' >/dev/null || :
		in_sh 'du -a .' >/dev/null
		in_sh 'tar -cf - . | tar -tf -' >/dev/null
		in_sh 'tar -chf - .' >/dev/null
		in_sh 'cp -r . "$1"' "$DIR/copy"
		in_sh 'rsync -a ./ "$1"' "$DIR/rsync"
		in_sh 'rsync -aL ./ "$1"' "$DIR/rsync-links"
		in_sh 'find . -type f -exec md5sum {} +' >/dev/null
		in_sh 'find -L . -type f' >/dev/null
		in_sh '"$1" -c "import glob; print(len(glob.glob(\"**\", recursive=True)))"' "$PYTHON" >/dev/null
	}
	same "$(requests_changing traverse)" 0
	same "$(in_sh 'ls -R; cat backends/b/state backends/b/instances/one/state')" "$before"
	same "$(cat "$DIR/copy/backends/b/instances/one/commands/1/stdout")" hello
	same "$(cat "$DIR/rsync/backends/b/instances/one/commands/1/stdout")" hello
}

@test "copies keep byte counts: tar and rsync see true sizes" {
	in_sh 'tar -cf - backends/b/instances/one/commands' | tar -xf - -C "$DIR"
	same "$(cat "$DIR/backends/b/instances/one/commands/1/stdout")" hello
}

@test "mtime is the last change, and a state file that did not change keeps it" {
	before=$(stat -c %y "$M/backends/b/state")
	cat "$M/backends/b/state" >/dev/null
	same "$(stat -c %y "$M/backends/b/state")" "$before"
	[ "$(stat -c %Y "$M/backends/b/instances/one/state")" -ge "$(stat -c %Y "$M/backends/b/config/image")" ]
}

@test "two reads of the whole at offset 0 render anew, pieces belong to one snapshot" {
	run in_sh 'dd if=backends/ctl bs=1 status=none | cmp - backends/ctl'
	[ "$status" = 0 ]
	run in_sh 'dd if=backends/ctl bs=7 skip=3 status=none | cmp - <(tail -c +22 backends/ctl)'
	[ "$status" = 0 ]
}

@test "inode numbers are not used again" {
	in_sh 'mkdir backends/x'
	first=$(stat -c %i "$M/backends/x")
	in_sh 'rmdir backends/x; mkdir backends/x'
	[ "$(stat -c %i "$M/backends/x")" != "$first" ]
	in_sh 'rmdir backends/x'
}

@test "the link count of a directory is two and its directories" {
	same "$(stat -c %h "$M/backends/b/instances")" 3
	same "$(in_sh 'find backends -maxdepth 3 -type d | wc -l')" 6
}

@test "version is that of the program" {
	contains "$("$GOLEMFS" -V 2>&1)" "$(cat "$M/version" | tail -n 1)"
}
