#!/usr/bin/env bats
# The blocks of docs/tutorial.md, run in their order in one shell as they stand there.

load harness

setup_file() {
	DIR=$(mktemp -d "${TMPDIR:-/tmp}/golemfs-test.XXXXXX")
	HOME=$DIR
	unset XDG_STATE_HOME YAGNA_APPKEY
	export DIR HOME
}
teardown_file() {
	cd /
	mountpoint -q "$DIR/golem" && fusermount3 -u -z "$DIR/golem"
	rm -rf --one-file-system "$DIR"
}

@test "every block of the tutorial works as written" {
	sed -n '/^```sh$/,/^```$/{/^```/d;p}' "$TOP/docs/tutorial.md" >"$DIR/tutorial"
	run timeout 50 bash -e "$DIR/tutorial" 3>&-
	[ "$status" = 0 ] || {
		echo "$output" >&2
		return 1
	}
	contains "$output" $'oops\n3\n'
	contains "$output" '$HOME a  b'
	contains "$output" $'step 1\nstep 2\nstep 3'
	contains "$output" $'100\n143\nuser'
	! mountpoint -q "$DIR/golem"
}
