#include "tests/devnet/digest.h"

#include <openssl/evp.h>

#include "core/mem.h"

struct digest {
	EVP_MD_CTX *context;
};

struct digest *digest_begin(const char *algorithm)
{
	struct digest *digest = mem_alloc(sizeof(*digest));
	digest->context = EVP_MD_CTX_new();
	const EVP_MD *type = EVP_get_digestbyname(algorithm);
	if (!digest->context || !type || !EVP_DigestInit_ex(digest->context, type, NULL)) {
		fprintf(stderr, "golem-devnet: libcrypto has no %s\n", algorithm);
		abort();
	}
	return digest;
}

void digest_add(struct digest *digest, const void *data, size_t len)
{
	EVP_DigestUpdate(digest->context, data, len);
}

size_t digest_end(struct digest *digest, unsigned char out[DIGEST_MAX])
{
	unsigned len = 0;
	EVP_DigestFinal_ex(digest->context, out, &len);
	EVP_MD_CTX_free(digest->context);
	free(digest);
	return len;
}

void digest_end_hex(struct digest *digest, char out[DIGEST_HEX_MAX])
{
	unsigned char bytes[DIGEST_MAX];
	size_t len = digest_end(digest, bytes);
	for (size_t i = 0; i < len; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

void digest_hex(const char *algorithm, const void *data, size_t len, char out[DIGEST_HEX_MAX])
{
	struct digest *digest = digest_begin(algorithm);
	digest_add(digest, data, len);
	digest_end_hex(digest, out);
}

bool digest_file_hex(const char *algorithm, const char *path, char out[DIGEST_HEX_MAX])
{
	FILE *file = fopen(path, "rbe");
	if (!file)
		return false;
	struct digest *digest = digest_begin(algorithm);
	char piece[65536];
	size_t got;
	while ((got = fread(piece, 1, sizeof(piece), file)))
		digest_add(digest, piece, got);
	bool read = !ferror(file);
	fclose(file);
	digest_end_hex(digest, out);
	return read;
}

char *digest_base64(const void *data, size_t len)
{
	char *text = mem_alloc((len + 2) / 3 * 4 + 1);
	EVP_EncodeBlock((unsigned char *)text, data, (int)len);
	return text;
}
