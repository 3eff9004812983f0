/* Ids of services: there and back, and the decoder's words. */
#include <assert.h>
#include <string.h>

#include "tests/devnet/base64url.h"

static void check_there_and_back(const char *plain, const char *id)
{
	struct buf BUF_AUTO encoded = {0}, BUF_AUTO decoded = {0}, BUF_AUTO why = {0};
	base64url_encode(&encoded, plain, strlen(plain));
	assert(strcmp(buf_text(&encoded), id) == 0);
	assert(base64url_decode(&decoded, id, &why));
	assert(strcmp(buf_text(&decoded), plain) == 0);
}

static void check_refused(const char *id, const char *words)
{
	struct buf BUF_AUTO decoded = {0}, BUF_AUTO why = {0};
	assert(!base64url_decode(&decoded, id, &why));
	assert(strcmp(buf_text(&why), words) == 0);
}

static void every_byte_survives(void)
{
	unsigned char all[256];
	struct buf BUF_AUTO encoded = {0}, BUF_AUTO decoded = {0}, BUF_AUTO why = {0};
	for (unsigned i = 0; i < sizeof all; i++)
		all[i] = (unsigned char)i;
	base64url_encode(&encoded, all, sizeof all);
	assert(base64url_decode(&decoded, buf_text(&encoded), &why));
	assert(decoded.len == sizeof all && memcmp(decoded.data, all, sizeof all) == 0);
}

int main(void)
{
	check_there_and_back("", "");
	check_there_and_back("relative", "cmVsYXRpdmU");
	check_there_and_back("/public/gftp/a", "L3B1YmxpYy9nZnRwL2E");
	every_byte_survives();
	check_refused("!!!", "Invalid byte 33, offset 0.");
	check_refused("AA+A", "Invalid byte 43, offset 2.");
	check_refused("A", "Encoded text cannot have a 6-bit remainder.");
	check_refused("AB", "Invalid last symbol 66, offset 1.");
	struct buf BUF_AUTO padded = {0}, BUF_AUTO why = {0};
	assert(base64url_decode(&padded, "QQ==", &why) && strcmp(buf_text(&padded), "A") == 0);
	check_refused("=", "Invalid byte 61, offset 0.");
	return 0;
}
