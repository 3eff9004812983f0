#include "tests/devnet/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/mem.h"

enum { ATTEMPTS = 3, CONNECT_S = 30 };

struct fetches {
	struct loop *loop;
	CURLM *multi;
	struct loop_timer *timer;
};

struct fetch {
	struct fetches *fetches;
	CURL *easy;
	char *url;
	int fd;
	bool upload;
	unsigned attempt;
	struct loop_timer *retry;
	fetch_done done;
	void *context;
};

/* A socket of curl and its watch. */
struct wire {
	struct fetches *fetches;
	struct loop_watch *watch;
	curl_socket_t socket;
};

static void finish_ended(struct fetches *fetches);

static void on_ready(void *context, int readiness)
{
	struct wire *wire = context;
	struct fetches *fetches = wire->fetches; /* the wire may go away inside */
	int running, events = (readiness & LOOP_READ ? CURL_CSELECT_IN : 0) |
			      (readiness & LOOP_WRITE ? CURL_CSELECT_OUT : 0);
	curl_multi_socket_action(fetches->multi, wire->socket, events, &running);
	finish_ended(fetches);
}

static int on_socket(CURL *easy, curl_socket_t socket, int what, void *context, void *at)
{
	struct fetches *fetches = context;
	struct wire *wire = at;
	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (wire)
			loop_unwatch(&wire->watch);
		free(wire);
		return 0;
	}
	int readiness = (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0);
	if (wire) {
		loop_rewatch(wire->watch, readiness);
		return 0;
	}
	wire = mem_alloc(sizeof(*wire));
	*wire = (struct wire){.fetches = fetches, .socket = socket};
	wire->watch = loop_watch(fetches->loop, socket, readiness, on_ready, wire);
	curl_multi_assign(fetches->multi, socket, wire);
	return 0;
}

static void on_timer(void *context)
{
	struct fetches *fetches = context;
	int running;
	fetches->timer = NULL;
	curl_multi_socket_action(fetches->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	finish_ended(fetches);
}

static int set_timer(CURLM *multi, long ms, void *context)
{
	struct fetches *fetches = context;
	(void)multi;
	loop_cancel(&fetches->timer);
	if (ms >= 0)
		fetches->timer = loop_after(fetches->loop, (uint64_t)ms, on_timer, fetches);
	return 0;
}

struct fetches *fetches_new(struct loop *loop)
{
	struct fetches *fetches = mem_alloc(sizeof(*fetches));
	fetches->loop = loop;
	fetches->multi = curl_multi_init();
	curl_multi_setopt(fetches->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(fetches->multi, CURLMOPT_SOCKETDATA, fetches);
	curl_multi_setopt(fetches->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(fetches->multi, CURLMOPT_TIMERDATA, fetches);
	return fetches;
}

void fetches_free(struct fetches *fetches)
{
	if (!fetches)
		return;
	curl_multi_cleanup(fetches->multi);
	loop_cancel(&fetches->timer);
	free(fetches);
}

static size_t on_data(char *data, size_t size, size_t count, void *context)
{
	struct fetch *fetch = context;
	size_t len = size * count, done = 0;
	while (done < len) {
		ssize_t written = write(fetch->fd, data + done, len - done);
		if (written < 0 && errno != EINTR)
			return 0;
		done += written > 0 ? (size_t)written : 0;
	}
	return len;
}

static size_t on_wanted(char *data, size_t size, size_t count, void *context)
{
	struct fetch *fetch = context;
	ssize_t got = read(fetch->fd, data, size * count);
	return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
}

static void prepare(struct fetch *fetch)
{
	CURL *easy = fetch->easy;
	struct stat about;
	curl_easy_setopt(easy, CURLOPT_URL, fetch->url);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, fetch);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch);
	if (!fetch->upload)
		return;
	curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_wanted);
	curl_easy_setopt(easy, CURLOPT_READDATA, fetch);
	if (fstat(fetch->fd, &about) == 0)
		curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)about.st_size);
}

static void attempt(struct fetch *fetch)
{
	fetch->easy = curl_easy_init();
	prepare(fetch);
	curl_multi_add_handle(fetch->fetches->multi, fetch->easy);
}

static void drop_easy(struct fetch *fetch)
{
	if (!fetch->easy)
		return;
	curl_multi_remove_handle(fetch->fetches->multi, fetch->easy);
	curl_easy_cleanup(fetch->easy);
	fetch->easy = NULL;
}

static void on_retry(void *context)
{
	struct fetch *fetch = context;
	fetch->retry = NULL;
	if (lseek(fetch->fd, 0, SEEK_SET) < 0 || (!fetch->upload && ftruncate(fetch->fd, 0)))
		fetch->attempt = ATTEMPTS; /* the next failure is the last */
	attempt(fetch);
}

/* The words of the real exe-unit's HTTP library for a refused connection; others in curl's. */
static void explain(CURLcode code, long number, char *text, size_t size)
{
	if (code == CURLE_COULDNT_CONNECT && number == ECONNREFUSED)
		snprintf(text, size,
			 "HTTP error: io error: Os { code: 111, kind: ConnectionRefused, message: \"%s\" }",
			 strerror(ECONNREFUSED));
	else
		snprintf(text, size, "HTTP error: %s", curl_easy_strerror(code));
}

static void ended(struct fetch *fetch, CURLcode code)
{
	char text[300];
	long number = 0;
	curl_easy_getinfo(fetch->easy, CURLINFO_OS_ERRNO, &number);
	explain(code, number, text, sizeof(text));
	drop_easy(fetch);
	if (code != CURLE_OK && number != ECONNREFUSED && ++fetch->attempt < ATTEMPTS) {
		fetch->retry = loop_after(fetch->fetches->loop, 1000u * fetch->attempt, on_retry, fetch);
		return;
	}
	fetch_done done = fetch->done;
	void *context = fetch->context;
	fetch_cancel(fetch);
	done(context, code == CURLE_OK ? NULL : text);
}

static void finish_ended(struct fetches *fetches)
{
	CURLMsg *message;
	int left;
	while ((message = curl_multi_info_read(fetches->multi, &left))) {
		char *fetch = NULL;
		if (message->msg != CURLMSG_DONE)
			continue;
		CURLcode code = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &fetch);
		ended((struct fetch *)(void *)fetch, code);
	}
}

static struct fetch *begin(struct fetches *fetches, const char *url, int fd, bool upload, fetch_done done,
			   void *context)
{
	struct fetch *fetch = mem_alloc(sizeof(*fetch));
	*fetch = (struct fetch){.fetches = fetches,
				.url = mem_strdup(url),
				.fd = fd,
				.upload = upload,
				.done = done,
				.context = context};
	attempt(fetch);
	return fetch;
}

struct fetch *fetch_get(struct fetches *fetches, const char *url, int to, fetch_done done, void *context)
{
	return begin(fetches, url, to, false, done, context);
}

struct fetch *fetch_put(struct fetches *fetches, const char *url, int from, fetch_done done, void *context)
{
	return begin(fetches, url, from, true, done, context);
}

void fetch_cancel(struct fetch *fetch)
{
	if (!fetch)
		return;
	drop_easy(fetch);
	loop_cancel(&fetch->retry);
	free(fetch->url);
	free(fetch);
}
