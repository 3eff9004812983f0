#!/usr/bin/env bats
# golem-devnet as a program: its options, its control routes, its faults, and that it leaves nothing behind.

load harness

setup_file() {
	DIR=$(mktemp -d "${TMPDIR:-/tmp}/golemfs-test.XXXXXX")
	export DIR
	devnet_start --fast --work-dir "$DIR/work"
}
teardown_file() {
	devnet_stop
	[ -z "$(ls -A "$DIR/work")" ] && sanitizers_silent && rm -rf --one-file-system "$DIR"
}
teardown() { faults_clear; }

# answer PATH [CURL-OPTION]…: "STATUS BODY", or "closed" when the connection ended without a whole answer.
answer() {
	local path=$1
	shift
	curl -sS -m 5 -H "Authorization: Bearer $APPKEY" -w '\n%{http_code}' "$@" "$URL$path" >"$DIR/answer" 2>/dev/null ||
		{ echo closed; return; }
	echo "$(tail -n 1 "$DIR/answer") $(sed '$d' "$DIR/answer")"
}
same() { [ "$1" = "$2" ] || { printf 'got  "%s"\nnot  "%s"\n' "$1" "$2" >&2; return 1; }; }

# refused OPTION…: golem-devnet ends at once with 2 and names the word.
refused() {
	run timeout 5 "$DEVNET" "$@"
	same "$status" 2
	[[ $output == *"golem-devnet: $1: "* ]]
}

@test "a wrong option is refused by its name" {
	refused --listn
	refused --providers many
	refused --listen nowhere
	refused --funds -5
	refused word
	refused --appkey
}

@test "-h and -V say what there is to say" {
	run "$DEVNET" -h
	same "$status" 0
	[[ $output == *--with-parent* ]]
	run "$DEVNET" -V
	same "$status" 0
	[[ $output == *0.17.6* ]]
}

@test "it says when it listens, on a port of its own choice, and ends on SIGTERM with nothing left" {
	mkdir "$DIR/own"
	"$DEVNET" --listen 127.0.0.1:0 --work-dir "$DIR/own" >"$DIR/own.log" 2>&1 3>&- &
	local pid=$!
	eventually 10 grep -qE '^listening on http://127.0.0.1:[1-9][0-9]*$' "$DIR/own.log"
	[ -n "$(ls -A "$DIR/own")" ]
	kill "$pid"
	wait "$pid"
	same "$(ls -A "$DIR/own")" ""
}

@test "what a devnet left that was killed, the next one removes, and what another uses stays" {
	mkdir "$DIR/shared"
	"$DEVNET" --listen 127.0.0.1:0 --work-dir "$DIR/shared" >"$DIR/first.log" 2>&1 3>&- &
	local first=$!
	eventually 10 grep -q listening "$DIR/first.log"
	kill -9 "$first"
	gone "$first" 5
	"$DEVNET" --listen 127.0.0.1:0 --work-dir "$DIR/shared" >"$DIR/second.log" 2>&1 3>&- &
	local second=$!
	eventually 10 grep -q listening "$DIR/second.log"
	touch -d '-5 minutes' "$DIR/shared"/*
	timeout 5 "$DEVNET" --listen "127.0.0.1:$PORT" --work-dir "$DIR/shared" || :
	same "$(ls "$DIR/shared" | wc -l)" 1
	kill "$second"
	wait "$second"
	same "$(ls -A "$DIR/shared")" ""
}

@test "a port that is taken is a sentence and an exit status" {
	run timeout 5 "$DEVNET" --listen "127.0.0.1:$PORT"
	same "$status" 1
	[[ $output == *"cannot listen on 127.0.0.1:$PORT: "* ]]
}

@test "with --with-parent it ends when its parent dies" {
	bash -c '"$1" --listen 127.0.0.1:0 --with-parent >"$2/child.log" 2>&1 3>&- & echo $! >"$2/child"
		tail --pid=$! -f /dev/null' bash "$DEVNET" "$DIR" 3>&- &
	local parent=$!
	eventually 10 grep -q listening "$DIR/child.log"
	kill -9 "$parent"
	gone "$(cat "$DIR/child")" 10
}

@test "a fault is refused with the word that is wrong" {
	same "$(answer /devnet/faults --json '{"point":"explode"}')" '400 {"message":"no fault point is called \"explode\""}'
	same "$(answer /devnet/faults --json '{"point":"deploy","colour":"red"}')" '400 {"message":"a fault has no \"colour\""}'
	[[ $(answer /devnet/faults --json '{"point":"deploy","route":"/me"}') == "400 "* ]]
	same "$(answer /devnet/faults)" '200 []'
}

@test "each fault of HTTP does what its help says" {
	local rows row
	rows='drop-before|closed
drop-after|closed
garbage|closed
truncate|closed
refuse|503 {"message":"later"}
deep|200 [[[]]]
huge|200 "xxx"'
	while IFS='|' read -r point expected; do
		fault "{\"point\":\"$point\",\"route\":\"/me\",\"count\":1,\"status\":503,\"message\":\"later\",\"size\":3}"
		same "$point: $(answer /me)" "$point: $expected"
		[[ $(answer /me) == '200 {"identity"'* ]]
	done <<<"$rows"
	fault '{"point":"hang","route":"/me","count":1}'
	same "$(answer /me -m 1)" closed
}

@test "skip, count and probability are kept" {
	fault '{"point":"refuse","route":"/me","skip":1,"count":2,"status":500,"body":"{}"}'
	local n seen=
	for n in 1 2 3 4; do seen="$seen $(answer /me | cut -c1-3)"; done
	same "$seen" " 200 500 500 200"
	faults_clear
	fault '{"point":"refuse","route":"/me","probability":0}'
	[[ $(answer /me) == 200* ]]
	same "$(answer /devnet/faults | grep -o '"hits":[0-9]*')" '"hits":0'
}

@test "a fault of one route leaves the others alone, a prefix takes all below it" {
	fault '{"point":"refuse","route":"/metrics-api/*","status":500,"body":"{}"}'
	same "$(answer /metrics-api/v1/expose)" '500 {}'
	[[ $(answer /me) == 200* ]]
}

@test "providers are added and altered, or refused as a whole" {
	[[ $(answer /devnet/providers --json '{"name":"zinnia","cpu_per_hour":0.5,"threads":12}') == *'"threads":12'* ]]
	[[ $(answer /devnet/providers --json '{"name":"zinnia","rejects":true}') == *'"threads":12'*'"rejects":true'* ]]
	[[ $(answer /devnet/providers --json '{"name":"zinnia","threads":3,"cpu_per_hour":"x"}') == 400* ]]
	[[ $(answer /devnet/providers) == *'"name":"zinnia"'*'"threads":12'* ]]
	[[ $(answer /devnet/providers --json '{"name":"../x"}') == 400* ]]
}

@test "a provider that is killed answers nothing until it is set right again" {
	same "$(answer /devnet/providers/almond/kill -X POST)" "204 "
	[[ $(answer /devnet/providers) == *'"name":"almond"'*'"reachable":false'* ]]
	[[ $(answer /devnet/providers --json '{"name":"almond","reachable":true}') == *'"reachable":true'* ]]
	[[ $(answer /devnet/providers/nobody/kill -X POST) == 404* ]]
}

@test "a restart drops connections, is away as long as asked, and forgets networks" {
	answer /net-api/v1/net --json '{"ip":"10.1.2.0/24"}'
	[[ $(answer /net-api/v1/net) == *10.1.2* ]]
	same "$(answer /devnet/restart --json '{"down_ms":1500}')" "204 "
	same "$(answer /me)" closed
	eventually 10 devnet_answers
	same "$(answer /net-api/v1/net)" "200 []"
}

@test "the registry knows the golem images, and its file has the hash it says" {
	local info url
	sha3() { "$PYTHON" -c 'import hashlib, sys; print(hashlib.sha3_224(sys.stdin.buffer.read()).hexdigest())'; }
	info=$(answer '/v1/image/info?count=true&tag=golem/alpine:latest')
	url=$(grep -o 'http://[^"]*' <<<"$info" | head -n 1)
	same "$(curl -fsS "$url" | sha3)" "$(sed 's/.*"sha3":"\([0-9a-f]*\)".*/\1/' <<<"$info")"
	[[ $(answer '/v1/image/info?tag=nobody/nothing:latest') == 404* ]]
	[[ $(answer '/v1/image/info') == 400* ]]
}
