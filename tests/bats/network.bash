# For suites about networks: what yagna knows of them, and somebody to talk to.

net_id() { cat "$M/networks/$1/id"; }
# nets [NAME]: yagna's networks, one JSON object per line, or the one of that name in the mount.
nets() { rest GET /net-api/v1/net | jq -c --arg id "${1:+$(net_id "$1")}" '.[] | select($id == "" or .id == $id)'; }
node_ips() { rest GET "/net-api/v1/net/$(net_id "$1")/nodes" | jq -r '.[].ip' | sort -V; }
both_node_ips() { echo "$(node_ips "$1") $(node_ips "$2")"; }
# The names in the mount of all the networks yagna has; a bare id for one that is not there.
net_names() {
	local id
	for id in $(nets | jq -r .id); do
		grep -lx "$id" "$M"/networks/*/id 2>/dev/null | sed 's|.*networks/\(.*\)/id|\1|' | grep . || echo "$id"
	done
}

# serve INSTANCE-DIR PORT: a server there that gives back what it gets.
serve() {
	ran "$1" "$PYTHON -c '
import socket, os
s = socket.create_server((\"0.0.0.0\", $2))
if os.fork():
    os._exit(0)
os.setsid()
for fd in 0, 1, 2:
    os.close(fd)
while True:
    c, _ = s.accept()
    if os.fork():
        c.close()
        continue
    while d := c.recv(65536):
        c.sendall(d)
    os._exit(0)
'"
}
# ws_says URL TEXT: what comes back through a websocket when the text is sent.
ws_says() {
	timeout $((20 * STRETCH)) "$PYTHON" - "$@" <<-'END'
		import os, sys
		sys.path.insert(0, os.environ["TOP"] + "/tests/bats")
		from devnet_net import Websocket
		net, ip, port = sys.argv[1].split("/net-api/v1/net/")[1].replace("/tcp/", "/").split("/")
		websocket = Websocket(net, ip, int(port))
		assert websocket.status == 101, (websocket.status, websocket.rest)
		websocket.send(sys.argv[2].encode())
		print(websocket.take(len(sys.argv[2])).decode())
	END
}
