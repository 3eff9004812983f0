# What every suite over a mount uses: a devnet and a golemfs of its own for each file, every client under a time
# limit, and the proof that nothing is left afterwards.
#
#   setup_file()    { mount_start; }          teardown_file() { mount_stop; }
#
# Then $M is the mount. A test that wants a second daemon, or kills the first, starts its own with daemon_start.

bats_require_minimum_version 1.5.0

TOP=${GOLEMFS_TOP:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)}
BUILD=${GOLEMFS_BUILD:-$TOP/build}
GOLEMFS=$BUILD/fs/golemfs
DEVNET=$BUILD/tests/devnet/golem-devnet
PYTHON=/usr/bin/python3
# Slow runs (sanitizers, valgrind) stretch every limit.
STRETCH=${GOLEMFS_STRETCH:-1}
# Sanitizers keep what was freed: the bounds on memory are for the plain build.
MEMORY=${GOLEMFS_MEMORY:-1}
export BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-$((60 * STRETCH))}
APPKEY=devnet-test-key
export TOP BUILD GOLEMFS DEVNET PYTHON STRETCH APPKEY
export PATH=$BUILD/fs:$BUILD/tests/devnet:$PATH

# --- programs -----------------------------------------------------------------------------------------------

# free_port: a TCP port of this machine nobody listens on.
free_port() {
	"$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# devnet_start [OPTION]…: a devnet on its own port, the same again when it is started again; sets URL and DEVNET_PID.
devnet_start() {
	: >"$DIR/listening"
	# shellcheck disable=SC2086
	"$DEVNET" --listen "127.0.0.1:${PORT:-0}" --appkey "$APPKEY" --subnet public "${@:---fast}" \
		>"$DIR/listening" 2>>"$DIR/devnet.log" 3>&- </dev/null &
	DEVNET_PID=$!
	eventually $((10 * STRETCH)) grep -q '^listening on ' "$DIR/listening" || {
		tail -n 20 "$DIR/devnet.log" >&2
		return 1
	}
	URL=$(sed -n 's/^listening on //p' "$DIR/listening")
	PORT=${URL##*:}
	export PORT URL DEVNET_PID
}
devnet_answers() { curl -fsS -m 2 "$URL/version/get" >/dev/null 2>&1; }

devnet_stop() {
	[ -n "${DEVNET_PID-}" ] || return 0
	kill "$DEVNET_PID" 2>/dev/null
	gone "$DEVNET_PID" 20 || kill -9 "$DEVNET_PID" 2>/dev/null
	DEVNET_PID=
}

# daemon_start MOUNT STATE [OPTION]…: a golemfs; sets DAEMON_PID. Returns when the mount answers.
daemon_start() {
	local mount=$1 state=$2
	shift 2
	mkdir -p "$state"
	mkdir -p "$mount" 2>/dev/null || : # a dead mount stands there: golemfs clears it
	YAGNA_APPKEY=${KEY-$APPKEY} GOLEM_REGISTRY_URL=${URL-} ${WRAP-} "$GOLEMFS" -f --state-dir "$state" ${URL:+--url "$URL"} "$@" "$mount" \
		>>"$DIR/golemfs.log" 2>&1 3>&- </dev/null &
	DAEMON_PID=$!
	export DAEMON_PID
	eventually $((20 * STRETCH)) mounted_and_alive "$mount" "$DAEMON_PID"
}
mounted_and_alive() {
	kill -0 "$2" 2>/dev/null || return 2
	[ -s "$1/version" ] # a dead mount of an earlier daemon may still be there
}

# gone PID SECONDS: true when the process has ended within that time.
gone() { timeout "$2" tail --pid="$1" -f /dev/null; }

# --- the life of a suite ------------------------------------------------------------------------------------

# mount_start [GOLEMFS-OPTION]…: a devnet (DEVNET_OPTIONS, default --fast), a golemfs, a watchdog.
mount_start() {
	DIR=$(mktemp -d "${TMPDIR:-/tmp}/golemfs-test.XXXXXX")
	M=$DIR/mount
	STATE=$DIR/state
	export DIR M STATE
	# shellcheck disable=SC2086
	devnet_start ${DEVNET_OPTIONS---fast} || return 1
	daemon_start "$M" "$STATE" "$@" || {
		tail -n 30 "$DIR/golemfs.log" >&2
		return 1
	}
	connected
	watchdog_start
}
# In the foreground the mount is there before yagna has answered for the first time.
connected() { eventually $((10 * STRETCH)) grep -q yagnaUp "$M/events"; }

# Hung clients sit in the kernel where no signal reaches them: only ending the connection does.
watchdog_start() {
	local device
	device=$(mountpoint -d "$M" | cut -d: -f2)
	(
		trap 'exit 0' TERM
		timeout $((${SUITE_LIMIT:-240} * STRETCH)) tail -f /dev/null &
		wait $!
		echo "watchdog: the suite hangs, aborting the connection" >>"$DIR/golemfs.log"
		abort_connection "$device" "$DAEMON_PID"
	) >/dev/null 2>&1 3>&- </dev/null &
	WATCHDOG_PID=$!
	export WATCHDOG_PID
}
abort_connection() {
	local control=/sys/fs/fuse/connections
	mountpoint -q "$control" || mount -t fusectl fusectl "$control" 2>/dev/null || :
	echo 1 >"$control/$1/abort" 2>/dev/null || kill -9 "$2"
}
watchdog_stop() {
	[ -n "${WATCHDOG_PID-}" ] || return 0
	pkill -P "$WATCHDOG_PID" -x timeout 2>/dev/null || :
	kill "$WATCHDOG_PID" 2>/dev/null || :
	WATCHDOG_PID=
}

# mount_stop: unmounts, and fails when anything is left: a mount, a process, a rental, money set aside.
mount_stop() {
	local failed=0
	[ -n "${DIR-}" ] || return 0
	watchdog_stop
	if [ -n "${DAEMON_PID-}" ] && kill -0 "$DAEMON_PID" 2>/dev/null; then
		cd /
		fusermount3 -u "$M" 2>/dev/null || umount "$M" 2>/dev/null || {
			echo "the mount is busy: $(fuser -vm "$M" 2>&1 | tail -n 5)" >&2
			fusermount3 -u -z "$M"
			failed=1
		}
		gone "$DAEMON_PID" $((25 * STRETCH)) || {
			echo "golemfs is alive 25 s after the unmount" >&2
			kill -9 "$DAEMON_PID"
			failed=1
		}
	fi
	! mountpoint -q "$M" || {
		echo "$M is still mounted" >&2
		umount -l "$M"
		failed=1
	}
	if devnet_answers; then
		nothing_rented || failed=1
	fi
	devnet_stop
	sanitizers_silent || failed=1
	[ "$failed" = 0 ] || {
		echo "--- golemfs.log" >&2
		tail -n 40 "$DIR/golemfs.log" >&2
	}
	[ "$failed" = 0 ] && [ -z "${KEEP_LOGS-}" ] && rm -rf --one-file-system "$DIR"
	return "$failed"
}

sanitizers_silent() {
	! grep -lE 'ERROR: (Address|Leak)Sanitizer|runtime error:|== ERROR SUMMARY: [1-9]' "$DIR"/*.log 2>/dev/null
}

# --- what the devnet knows ----------------------------------------------------------------------------------

rest() { # METHOD PATH [BODY]
	curl -sS -m 10 -X "$1" -H "Authorization: Bearer $APPKEY" ${3:+-H 'Content-Type: application/json' -d "$3"} \
		"$URL$2"
}
allocations_alive() { rest GET /payment-api/v1/allocations | jq length; }
networks_alive() { rest GET /net-api/v1/net | jq length; }
agreements_alive() { rest GET '/market-api/v1/agreements?state=Approved' | jq length; }
agreement_ids() { rest GET "/market-api/v1/agreements${1:+?state=$1}" | jq -r '.[].id'; }
activities_alive() {
	local agreement activity count=0 state
	for agreement in $(agreement_ids); do
		for activity in $(rest GET "/activity-api/v1/activity?agreementId=$agreement" | jq -r 'arrays | .[]'); do
			state=$(rest GET "/activity-api/v1/activity/$activity/state" | jq -r '.state[0]')
			[ "$state" = Terminated ] || count=$((count + 1))
		done
	done
	echo "$count"
}
nothing_rented() {
	local what count failed=0
	for what in agreements_alive activities_alive allocations_alive networks_alive; do
		count=$($what)
		[ "$count" = 0 ] || {
			echo "$what in the devnet: $count" >&2
			failed=1
		}
	done
	return "$failed"
}

# fault JSON: makes the devnet misbehave; prints the fault's id. faults_clear: good again.
fault() { rest POST /devnet/faults "$1" | jq -r 'if type == "number" then . else error(.message) end'; }
fault_hits() { rest GET /devnet/faults | jq -r ".[] | select(.id == $1) | .hits"; }
faults_clear() { rest DELETE /devnet/faults >/dev/null; }

# requests_counted COMMAND…: how many requests that change something the devnet got meanwhile. Counted by faults
# that do nothing.
requests_changing() {
	local method id ids='' hits sum=0
	for method in POST PUT DELETE; do
		ids="$ids $(fault "{\"point\":\"delay\",\"method\":\"$method\",\"delay_ms\":0}")"
	done
	"$@"
	for id in $ids; do
		hits=$(fault_hits "$id")
		sum=$((sum + hits))
	done
	faults_clear
	echo "$sum"
}

# --- clients ------------------------------------------------------------------------------------------------

# in_sh SCRIPT [ARGUMENT]…: in the mount, by bash, with a limit. The work directory must not keep the mount busy.
in_sh() { (cd "$M" && exec timeout -k 2 "${LIMIT:-$((20 * STRETCH))}" bash -c "$1" bash "${@:2}"); }
in_dash() { (cd "$M" && exec timeout -k 2 "${LIMIT:-$((20 * STRETCH))}" dash -c "$1" dash "${@:2}"); }

# in_python CODE [ARGUMENT]…: the code, indented as the test is, in the mount; the arguments are sys.argv[1:].
in_python() {
	(cd "$M" && exec timeout -k 2 "${LIMIT:-$((20 * STRETCH))}" "$PYTHON" -c \
		'import sys, textwrap; exec(textwrap.dedent(sys.argv.pop(1)), {"sys": sys})' "$@")
}

# wrote FILE TEXT: the name of the errno one write(2) of the text (printf escapes understood) got, or the count.
wrote() {
	(cd "$M" && timeout -k 2 $((20 * STRETCH)) "$PYTHON" "$TOP/tests/bats/syscall.py" write "$1" "$2")
}
# got FILE: what one read to the end gave, or the name of the errno.
got() {
	(cd "$M" && timeout -k 2 $((20 * STRETCH)) "$PYTHON" "$TOP/tests/bats/syscall.py" read "$1")
}
# called NAME ARGUMENT…: any function of Python's os module: "ok" or the name of the errno.
called() {
	(cd "$M" && timeout -k 2 $((20 * STRETCH)) "$PYTHON" "$TOP/tests/bats/syscall.py" os "$@")
}

# eventually SECONDS COMMAND…: repeats until it succeeds. For what happens outside the mount; inside, `wait` waits.
eventually() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		read -r -t 0.05 <> <(:) || :
	done
}

# backend NAME [KEY=VALUE]…: made, started and ready. instance BACKEND NAME [KEY=VALUE]…: rented and ready.
backend() {
	in_sh 'echo "create $*" > backends/ctl && echo start > backends/$1/ctl && cat backends/$1/wait >/dev/null' "$@"
}
instance() {
	local backend=$1
	shift
	in_sh 'b=$1; shift; echo "create $*" > backends/$b/instances/ctl && cat backends/$b/instances/$1/wait >/dev/null' \
		"$backend" "$@"
}
# ran INSTANCE-DIR TEXT: runs it and prints its standard output; the exit status is the command's.
ran() { in_sh 'cd "$1" && echo "$2" > run && cd last && cat stdout_pipe && exit "$(cat wait)"' "$1" "$2"; }

# becomes SECONDS EXPECTED COMMAND…: what the command prints is that, within the time.
becomes() {
	local seconds=$1 expected=$2
	shift 2
	eventually "$seconds" prints "$expected" "$@" && return 0
	same "$("$@" 2>&1)" "$expected"
}
prints() {
	local expected=$1
	shift
	[ "$("$@" 2>/dev/null)" = "$expected" ]
}

# same ACTUAL EXPECTED; contains TEXT PART; matches TEXT REGEX: say what they saw when they fail.
same() {
	[ "$1" = "$2" ] || {
		printf 'expected: %q\n     got: %q\n' "$2" "$1" >&2
		return 1
	}
}
contains() {
	[[ $1 == *"$2"* ]] || {
		printf 'expected a part: %q\n            in: %q\n' "$2" "$1" >&2
		return 1
	}
}
matches() {
	[[ $1 =~ $2 ]] || {
		printf 'expected to match: %s\n              got: %q\n' "$2" "$1" >&2
		return 1
	}
}

# refused ERRNO FILE TEXT SENTENCE: the write gets that errno, and `error` beside FILE then ends in a row that
# matches the sentence.
refused() {
	same "$(wrote "$2" "$3")" "$1" || return 1
	matches "$(tail -n 1 "$M/$(error_beside "$2")")" "$4"
}
error_beside() {
	local dir
	dir=$(dirname "$1")
	until [ -e "$M/$dir/error" ]; do dir=$(dirname "$dir"); done
	echo "$dir/error"
}

# events FILE EVENT: how many lines of that event an events file has.
events() { jq -s "map(select(.event == \"$2\")) | length" "$M/$1"; }
