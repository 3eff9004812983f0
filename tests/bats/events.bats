#!/usr/bin/env bats
# The event logs: complete, in order, one JSON object per line, once each.

load harness

setup_file() {
	mount_start
	backend b
	instance b one
	ran backends/b/instances/one 'echo x' >/dev/null
	in_sh 'echo stop > backends/b/instances/one/ctl; cat backends/b/instances/one/wait' >/dev/null || :
}
teardown_file() { mount_stop; }

order() { jq -r .event "$M/$1"; }
# in_order FILE EVENT…: these events stand in the file in this order (others may stand between).
in_order() {
	local file=$1 event line=0 next
	shift
	for event in "$@"; do
		next=$(order "$file" | tail -n +$((line + 1)) | grep -nx "$event" | head -n 1 | cut -d: -f1)
		[ -n "$next" ] || {
			echo "no $event after line $line of $file: $(order "$file" | tr '\n' ' ')" >&2
			return 1
		}
		line=$((line + next))
	done
}

@test "every line is a JSON object with time, seq and event" {
	jq -e -s 'all(.[]; (.time | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$")) and (.seq | type == "number") and (.event | type == "string"))' \
		"$M/events"
}

@test "seq grows in every file" {
	for file in events backends/b/events backends/b/instances/one/events; do
		jq -e -s '[.[].seq] | . == (sort | unique)' "$M/$file"
	done
}

@test "the events of a rental stand in their order" {
	in_order backends/b/events starting allocationCreated demandPublished ready
	in_order backends/b/events ready instanceCreated agreementApproved activityCreated instanceReady commandStarted \
		commandFinished agreementTerminated
	in_order backends/b/instances/one/events instanceCreated agreementApproved activityCreated instanceReady
}

@test "events of an instance name backend, instance and provider" {
	jq -e -s 'map(select(.event == "agreementApproved"))[0] | .backend == "b" and .instance == "one" and (.provider | test("^0x"))' \
		"$M/backends/b/events"
}

@test "the file of a directory has its children events, that of a child not those of its parent" {
	[ "$(events events instanceReady)" -ge 1 ]
	same "$(events backends/b/instances/one/events demandPublished)" 0
}

@test "late readers read from the start" {
	same "$(head -n 1 "$M/events" | jq .seq)" "$(jq -s 'map(.seq) | min' "$M/events")"
}

@test "tail -f and the pipe show what happens while they look" {
	(in_sh 'timeout 5 tail -n 0 -f backends/b/events' >"$DIR/tail") 3>&- &
	readers=$!
	(in_sh 'timeout 5 cat backends/b/events_pipe' >"$DIR/pipe") 3>&- &
	readers="$readers $!"
	eventually 5 grep -q instanceReady "$DIR/pipe"
	eventually 3 pgrep -f 'tail -n 0 -f backends/b/events' >/dev/null
	instance b two
	eventually 5 grep -q '"two"' "$DIR/tail"
	eventually 5 grep -q '"two"' "$DIR/pipe"
	wait $readers || :
	in_sh 'rmdir backends/b/instances/two'
}

@test "an activityDeployError comes exactly once, with all it should say, and the failed log can be read" {
	fault '{"point":"deploy","count":1,"message":"disk full on the provider"}' >/dev/null
	in_sh 'mkdir backends/b/instances/bad'
	same "$(got backends/b/instances/bad/wait)" EIO
	same "$(events backends/b/events activityDeployError)" 1
	same "$(events events activityDeployError)" 1
	same "$(events backends/b/instances/bad/events activityDeployError)" 1
	jq -e -s 'map(select(.event == "activityDeployError"))[0]
		| .instance == "bad" and .stage == "deploy" and (.message | contains("disk full")) and (.provider | length > 0)' \
		"$M/backends/b/events"
	[ "$(cat "$M/backends/b/instances/bad/error" | wc -l)" -ge 1 ]
	in_sh 'rmdir backends/b/instances/bad'
}

@test "a failed start gives exactly one too, with its stage" {
	fault '{"point":"start","count":1,"message":"the runtime would not start"}' >/dev/null
	in_sh 'mkdir backends/b/instances/bad'
	same "$(got backends/b/instances/bad/wait)" EIO
	same "$(events backends/b/instances/bad/events activityDeployError)" 1
	same "$(jq -rs 'map(select(.event == "activityDeployError"))[0].stage' "$M/backends/b/instances/bad/events")" start
	in_sh 'rmdir backends/b/instances/bad'
}

@test "the log is never truncated while mounted: the events of a removed backend stay above" {
	backend gone
	in_sh 'rmdir backends/gone'
	eventually 10 grep -q '"end".*"gone"\|"gone".*"end"' "$M/events"
	[ "$(jq -s 'map(select(.backend == "gone")) | length' "$M/events")" -ge 3 ]
}

@test "what a provider says is stripped of control characters" {
	fault '{"point":"deploy","count":1,"message":"red \u001b[31malert\u0007 \n second"}' >/dev/null
	in_sh 'mkdir backends/b/instances/bad'
	got backends/b/instances/bad/wait >/dev/null
	! grep -q $'[\033\007]' "$M/events" "$M/backends/b/instances/bad/error"
	jq -e -s 'map(select(.instance == "bad" and .event == "activityDeployError"))[0].message | test("[\u0000-\u001f]") | not' "$M/events"
	in_sh 'rmdir backends/b/instances/bad'
}

@test "log and events agree in what they tell: both grow, none shrinks" {
	before=$(stat -c %s "$M/events")
	backend grows
	[ "$(stat -c %s "$M/events")" -gt "$before" ]
	in_sh 'rmdir backends/grows'
}
