#!/usr/bin/env bats
# The states of backends and instances, every way through them, and stop, destroy and abort in each of them.

BATS_TEST_TIMEOUT=$((120 * ${GOLEMFS_STRETCH:-1}))
load harness

setup_file() { mount_start; }
teardown_file() { mount_stop; }
setup() { in_sh 'mkdir backends/b'; }
teardown() {
	faults_clear
	[ ! -d "$M/backends/b" ] || in_sh 'rmdir backends/b'
	eventually 20 nothing_rented 2>/dev/null
}

state() { cat "$M/backends/$1/state"; }
start() { in_sh 'echo start > backends/b/ctl'; }
ready() { start && in_sh 'cat backends/b/wait' >/dev/null; }
rent() { in_sh 'mkdir backends/b/instances/i'; }
rented() { rent && in_sh 'cat backends/b/instances/i/wait' >/dev/null; }
slow() { # POINT: what the devnet does at that point takes long
	fault "{\"point\":\"delay\",\"method\":\"$1\",\"route\":\"$2\",\"delay_ms\":${3:-8000}}" >/dev/null
}
states_of() { jq -r 'select(.event != null) | .event' "$M/$1/events" | tr '\n' ' '; }

@test "a backend goes from initial through ready to stopped, and can start again" {
	same "$(state b)" initial
	ready
	same "$(state b)" ready
	in_sh 'echo stop > backends/b/ctl; cat backends/b/wait' || :
	same "$(state b)" stopped
	ready
	same "$(state b)" ready
}

@test "start makes an allocation and a demand, stop takes both back" {
	ready
	same "$(allocations_alive)" 1
	same "$(rest GET /market-api/v1/demands | jq length)" 1
	in_sh 'echo stop > backends/b/ctl; cat backends/b/wait' || :
	same "$(allocations_alive)" 0
	same "$(rest GET /market-api/v1/demands | jq length)" 0
}

@test "stop may be repeated, and is accepted in every state" {
	same "$(wrote backends/b/ctl 'stop\n')" 5
	ready
	for _ in 1 2 3; do same "$(wrote backends/b/ctl 'stop\n')" 5; done
	in_sh 'cat backends/b/wait' || :
	same "$(state b)" stopped
	same "$(wrote backends/b/ctl 'stop\n')" 5
}

@test "an instance goes through agreed and deploying to ready, and stop keeps its directory" {
	ready
	rented
	same "$(state b/instances/i)" ready
	same "$(ran backends/b/instances/i 'echo kept')" kept
	in_sh 'echo stop > backends/b/instances/i/ctl; cat backends/b/instances/i/wait' || :
	same "$(state b/instances/i)" stopped
	same "$(cat "$M/backends/b/instances/i/commands/1/stdout")" kept
	becomes 5 0 agreements_alive
}

@test "destroying an instance takes its name away at once" {
	ready
	rented
	in_sh 'rmdir backends/b/instances/i'
	[ ! -e "$M/backends/b/instances/i" ]
	rented
	same "$(state b/instances/i)" ready
}

@test "create with count makes so many instances" {
	ready
	in_sh 'echo "create count=3" > backends/b/instances/ctl; cat backends/b/instances/wait >/dev/null'
	same "$(in_sh 'ls -d backends/b/instances/*/ | wc -l')" 3
	same "$(in_sh 'cat backends/b/instances/*/state' | sort -u)" ready
}

@test "no two instances share an agreement" {
	ready
	in_sh 'echo "create count=3" > backends/b/instances/ctl; cat backends/b/instances/wait >/dev/null'
	same "$(in_sh 'cat backends/b/instances/*/agreement' | grep -oE '[0-9a-f]{64}' | sort -u | wc -l)" 3
}

@test "instances may be made while the backend starts" {
	start
	rented
	same "$(state b/instances/i)" ready
}

@test "commands given to an instance that is not ready wait their turn" {
	start
	in_sh 'mkdir backends/b/instances/i; cd backends/b/instances/i; echo "echo early" > run; cat last/stdout_pipe' >"$DIR/out"
	same "$(cat "$DIR/out")" early
}

@test "stopping the backend stops its instances" {
	ready
	rented
	in_sh 'echo stop > backends/b/ctl; cat backends/b/wait' || :
	same "$(state b/instances/i)" stopped
	nothing_rented
}

@test "destroying a backend ends everything below it" {
	ready
	rented
	in_sh 'rmdir backends/b'
	[ ! -e "$M/backends/b" ]
	eventually 20 nothing_rented
}

@test "abort of a backend half way through its start gives its readers ECANCELED" {
	slow POST '/payment-api/v1/allocations'
	(wrote backends/b/ctl 'start\n' >"$DIR/wrote") &
	eventually 5 grep -q starting "$M/backends/b/state"
	(got backends/b/wait >"$DIR/waited") &
	reader=$!
	eventually 5 pgrep -f 'syscall.py read backends/b/wait' >/dev/null
	in_sh ': > backends/b/abort'
	wait "$reader"
	matches "$(cat "$DIR/waited")" '^ECANCELED$'
}

@test "one write returns within five seconds whatever yagna does" {
	slow POST '/payment-api/v1/allocations' 20000
	SECONDS=0
	wrote backends/b/ctl 'start\n' >/dev/null
	[ "$SECONDS" -le 6 ]
	faults_clear
}

for_each_step="market-api/v1/demands
market-api/v1/agreements
market-api/v1/agreements/{}/confirm
market-api/v1/agreements/{}/wait
activity-api/v1/activity
activity-api/v1/activity/{}/exec"

@test "stop in the middle of each step of a rental leaves nothing rented" {
	while read -r step; do
		slow POST "/$step" 2000
		start || :
		in_sh 'mkdir backends/b/instances/i' || :
		eventually 4 step_reached || echo "step $step was not reached" >&3
		in_sh 'echo stop > backends/b/ctl; cat backends/b/wait' >/dev/null || :
		faults_clear
		same "$step $(state b)" "$step stopped"
		eventually 20 nothing_rented || {
			echo "after a stop during $step" >&2
			return 1
		}
		in_sh 'rmdir backends/b; mkdir backends/b'
	done <<<"$for_each_step"
}
step_reached() { [ "$(rest GET /devnet/faults | jq '[.[].hits] | add')" != 0 ]; }

@test "destroy in the middle of each step of a rental leaves nothing rented" {
	while read -r step; do
		slow POST "/$step" 2000
		start || :
		in_sh 'mkdir backends/b/instances/i' || :
		eventually 4 step_reached || echo "step $step was not reached" >&3
		in_sh 'rmdir backends/b'
		faults_clear
		eventually 20 nothing_rented || {
			echo "after a destroy during $step" >&2
			return 1
		}
		in_sh 'mkdir backends/b'
	done <<<"$for_each_step"
}

@test "abort of an instance in the middle of its rental: what is rented stays, its readers get ECANCELED" {
	ready
	slow POST '/activity-api/v1/activity/{}/exec' 3000
	rent
	eventually 10 step_reached
	(got backends/b/instances/i/wait >"$DIR/waited") &
	reader=$!
	eventually 5 pgrep -f 'syscall.py read backends/b/instances/i/wait' >/dev/null
	in_sh ': > backends/b/instances/i/abort'
	wait "$reader"
	same "$(cat "$DIR/waited")" ECANCELED
	same "$(state b)" ready
}

@test "abort files take any write, and an opening that truncates" {
	ready
	rented
	for text in 1 abort 'anything at all\n' x; do
		[ "$(wrote backends/b/instances/i/abort "$text")" -gt 0 ]
	done
	in_sh ': > backends/b/instances/i/abort'
	same "$(state b)" ready
}

@test "reset gives a fresh machine on the same agreement" {
	ready
	rented
	agreement=$(cat "$M/backends/b/instances/i/agreement")
	ran backends/b/instances/i 'echo old > /tmp/mark'
	in_sh 'echo reset > backends/b/instances/i/ctl; cat backends/b/instances/i/wait' >/dev/null
	same "$(state b/instances/i)" ready
	same "$(cat "$M/backends/b/instances/i/agreement" | head -n 2 | grep -oE '[0-9a-f]{64}')" \
		"$(grep -oE '[0-9a-f]{64}' <<<"$agreement")"
	run ran backends/b/instances/i 'cat /tmp/mark'
	[ "$status" != 0 ]
}

@test "a failed deploy gives exactly one activityDeployError, the agreement ends, the backend lives" {
	ready
	fault '{"point":"deploy","count":1,"message":"no room for the image"}' >/dev/null
	in_sh 'mkdir backends/b/instances/i'
	run got backends/b/instances/i/wait
	same "$output" EIO
	same "$(state b/instances/i)" error
	same "$(events backends/b/events activityDeployError)" 1
	line=$(grep activityDeployError "$M/backends/b/events")
	for member in time instance provider stage message; do
		[ "$(jq -r ".$member // empty" <<<"$line")" ] || {
			echo "no $member in $line" >&2
			return 1
		}
	done
	same "$(jq -r .stage <<<"$line")" deploy
	becomes 10 0 agreements_alive
	same "$(state b)" ready
	in_sh 'mkdir backends/b/instances/j; cat backends/b/instances/j/wait'
}

@test "a provider that disappears makes its instance lost, with an event, and nothing stays rented" {
	ready
	rented
	fault '{"point":"kill","count":1}' >/dev/null || skip
	in_sh 'cd backends/b/instances/i; echo "sleep 30" > run'
	becomes 15 1 events backends/b/events instanceLost
}

@test "hold: the rental ends when its last opener closes it" {
	ready
	rented
	in_sh 'exec 9<backends/b/instances/i/hold; exec 8<backends/b/instances/i/hold; exec 9<&-; cat backends/b/instances/i/state' >"$DIR/out"
	same "$(cat "$DIR/out")" ready
	becomes 20 stopped state b/instances/i
	becomes 20 0 agreements_alive
}

@test "hold survives no kill -9 of the script" {
	ready
	rented
	bash -c 'exec 9<"$1/backends/b/hold"; echo held; exec tail -f /dev/null' bash "$M" >"$DIR/held" 3>&- &
	script=$!
	eventually 5 grep -q held "$DIR/held"
	same "$(state b)" ready
	kill -9 "$script"
	eventually 20 nothing_rented
}
