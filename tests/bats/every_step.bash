# One fault, once at every step of a rental. For suites that load the harness first.

setup_file() { mount_start; }
teardown_file() { mount_stop; }
setup() { in_sh 'mkdir backends/b; echo 4 > backends/b/config/rent_timeout'; }
teardown() {
	faults_clear
	[ ! -d "$M/backends/b" ] || in_sh 'rmdir backends/b'
	kill -0 "$DAEMON_PID"
	eventually 20 nothing_rented 2>/dev/null || {
		nothing_rented
		return 1
	}
}

steps='POST /payment-api/v1/allocations
POST /market-api/v1/demands
GET /market-api/v1/demands/{}/events
POST /market-api/v1/demands/{}/proposals/{}
POST /market-api/v1/agreements
POST /market-api/v1/agreements/{}/confirm
POST /market-api/v1/agreements/{}/wait
POST /activity-api/v1/activity
POST /activity-api/v1/activity/{}/exec
GET /activity-api/v1/activity/{}/exec/{}'

# at_every_step POINT [MEMBERS]: the fault once at each step of a rental; afterwards the daemon is alive and clean,
# what was asked for has come to an end, and the same mount rents again.
at_every_step() {
	local point=$1 members=${2-} method route
	while read -r method route; do
		fault "{\"point\":\"$point\",\"method\":\"$method\",\"route\":\"$route\",\"count\":1$members}" >"$DIR/fault"
		matches "$(cat "$DIR/fault")" '^[0-9]+$'
		in_sh 'echo start > backends/b/ctl' 2>/dev/null || :
		LIMIT=30 in_sh 'cat backends/b/wait' >/dev/null 2>&1 || :
		in_sh 'mkdir backends/b/instances/i' 2>/dev/null || :
		run timeout 30 cat "$M/backends/b/instances/i/wait"
		[ "$status" != 124 ] || {
			echo "$point at $method $route: wait never ended" >&2
			return 1
		}
		kill -0 "$DAEMON_PID" || {
			echo "$point at $method $route: golemfs is dead" >&2
			return 1
		}
		faults_clear
		LIMIT=30 in_sh 'rmdir backends/b; mkdir backends/b; echo 4 > backends/b/config/rent_timeout'
		eventually 20 nothing_rented 2>/dev/null || {
			echo "$point at $method $route:" >&2
			nothing_rented
			return 1
		}
	done <<<"$steps"
	rents_again
}
rents_again() {
	in_sh 'echo start > backends/b/ctl; cat backends/b/wait; mkdir backends/b/instances/j; cat backends/b/instances/j/wait' >"$DIR/out"
	same "$(tr '\n' ' ' <"$DIR/out")" "ready ready "
	same "$(ran backends/b/instances/j 'echo fine')" fine
}
