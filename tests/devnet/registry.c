/*
 * The image registry: the look-up that clients make with GOLEM_REGISTRY_URL (reference/yagna-api.md 3.3), and the
 * image itself. There is one image, a small file that stands for the host's own programs; every tag below golem/
 * is a name of it.
 */
#include <string.h>

#include "core/mem.h"
#include "tests/devnet/devnet.h"
#include "tests/devnet/digest.h"
#include "tests/devnet/route.h"
#include "tests/devnet/server.h"

static const char image[] = "This image stands for the programs of the machine that the devnet runs on.\n";
static const char image_path[] = "/img.gvmi";
static const char tag_prefix[] = "golem/";

static void get_info(struct exchange *exchange)
{
	struct devnet *devnet = exchange_devnet(exchange);
	const char *tag = exchange_query(exchange, "tag");
	const char *hash = exchange_query(exchange, "hash");
	char sha3[DIGEST_HEX_MAX];
	digest_hex(DIGEST_SHA3_224, image, sizeof(image) - 1, sha3);
	if (!tag && !hash) {
		exchange_reply_text(exchange, 400, "Either tag or hash must be provided");
		return;
	}
	if (tag ? strncmp(tag, tag_prefix, strlen(tag_prefix)) != 0 : strcmp(hash, sha3) != 0) {
		exchange_reply_text(exchange, 404, "Image not found");
		return;
	}
	MEM_AUTO char *url = mem_printf("http://%s:%u%s", server_host(devnet->server),
					server_port(devnet->server), image_path);
	cJSON *body = cJSON_CreateObject();
	cJSON_AddStringToObject(body, "http", url);
	cJSON_AddStringToObject(body, "https", url);
	cJSON_AddStringToObject(body, "sha3", sha3);
	cJSON_AddNumberToObject(body, "size", sizeof(image) - 1);
	exchange_reply_json(exchange, 200, body);
}

static void get_image(struct exchange *exchange)
{
	exchange_reply_typed(exchange, 200, "application/octet-stream", image, sizeof(image) - 1);
}

const struct route registry_routes[] = {
	{"GET", "/v1/image/info", get_info},
	{"GET", image_path, get_image},
	{NULL, NULL, NULL},
};
