/*
 * The least a client can do for one command: POST exec and the poll for its result, over one kept connection.
 * Prints the median and the 95th percentile in milliseconds; the figure golemfs is measured against.
 *
 * usage: bare-rest URL APPKEY ACTIVITY [COUNT]
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/buf.h"
#include "core/mem.h"

static const char script[] =
	"{\"text\":\"[{\\\"run\\\":{\\\"entry_point\\\":\\\"/bin/sh\\\",\\\"args\\\":[\\\"-c\\\","
	"\\\"true\\\"],\\\"capture\\\":{\\\"stdout\\\":{\\\"atEnd\\\":{}},\\\"stderr\\\":{"
	"\\\"atEnd\\\":{}}}}}]\"}";

static size_t take(char *data, size_t size, size_t count, void *context)
{
	buf_add(context, data, size * count);
	return size * count;
}

static double now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* One request; false with the answer on stderr when it was not 200. */
static bool ask(CURL *curl, const char *url, const char *body, struct buf *answer)
{
	long status = 0;
	buf_clear(answer);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	if (body)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	else
		curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
	CURLcode code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_OK && status == 200)
		return true;
	fprintf(stderr, "%s: %s, status %ld: %s\n", url, curl_easy_strerror(code), status, buf_text(answer));
	return false;
}

static bool run_true(CURL *curl, const char *exec_url)
{
	struct buf BUF_AUTO answer = {0}, BUF_AUTO url = {0};
	if (!ask(curl, exec_url, script, &answer))
		return false;
	/* The answer is the batch's id in quotes. */
	buf_printf(&url, "%s/%.*s?timeout=60&commandIndex=0", exec_url, (int)strcspn(answer.data + 1, "\""),
		   answer.data + 1);
	if (!ask(curl, buf_text(&url), NULL, &answer))
		return false;
	if (strstr(buf_text(&answer), "\"result\":\"Ok\""))
		return true;
	fprintf(stderr, "the command failed: %s\n", buf_text(&answer));
	return false;
}

static struct curl_slist *headers_for(const char *appkey)
{
	char *MEM_AUTO authorization = mem_printf("Authorization: Bearer %s", appkey);
	struct curl_slist *headers = curl_slist_append(NULL, authorization);
	return curl_slist_append(headers, "Content-Type: application/json");
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fputs("usage: bare-rest URL APPKEY ACTIVITY [COUNT]\n", stderr);
		return 2;
	}
	unsigned count = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 200, done = 0;
	double *MEM_AUTO times = mem_alloc((count + 1) * sizeof *times);
	char *MEM_AUTO url = mem_printf("%s/activity-api/v1/activity/%s/exec", argv[1], argv[3]);
	struct curl_slist *headers = headers_for(argv[2]);
	CURL *curl = curl_easy_init();
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	for (; done < count; done++) {
		double begin = now_ms();
		if (!run_true(curl, url))
			break;
		times[done] = now_ms() - begin;
	}
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	if (done < count || count == 0)
		return 1;
	qsort(times, count, sizeof *times, by_value);
	printf("{\"figure\":\"bare REST, true\",\"count\":%u,\"median_ms\":%.3f,\"p95_ms\":%.3f}\n", count,
	       times[count / 2], times[count * 95 / 100]);
	return 0;
}
