#include "tests/devnet/base64url.h"

#include <stdint.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void base64url_encode(struct buf *out, const void *data, size_t len)
{
	const uint8_t *bytes = data;
	uint32_t bits = 0;
	unsigned count = 0;
	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | bytes[i];
		for (count += 8; count >= 6; count -= 6)
			buf_addc(out, alphabet[bits >> (count - 6) & 63]);
	}
	if (count > 0)
		buf_addc(out, alphabet[bits << (6 - count) & 63]);
}

static int value_of(char c)
{
	const char *at = c ? strchr(alphabet, c) : NULL;
	return at ? (int)(at - alphabet) : -1;
}

/* The length without padding: at most two '=' in the places where they complete a group of four. */
static size_t unpadded(const char *text)
{
	size_t len = strlen(text), whole = len;
	while (len > 0 && text[len - 1] == '=' && whole - len < 2 && (len - 1) % 4 >= 2)
		len--;
	return len;
}

bool base64url_decode(struct buf *out, const char *text, struct buf *why)
{
	size_t len = unpadded(text);
	uint32_t bits = 0;
	unsigned count = 0;
	if (len % 4 == 1 && value_of(text[len - 1]) >= 0) {
		buf_adds(why, "Encoded text cannot have a 6-bit remainder.");
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		int value = value_of(text[i]);
		if (value < 0) {
			buf_printf(why, "Invalid byte %u, offset %zu.", (unsigned char)text[i], i);
			return false;
		}
		bits = bits << 6 | (uint32_t)value;
		count += 6;
		if (count >= 8) {
			count -= 8;
			buf_addc(out, (char)(bits >> count & 255));
		}
	}
	if (bits & ((1u << count) - 1)) {
		buf_printf(why, "Invalid last symbol %u, offset %zu.", (unsigned char)text[len - 1], len - 1);
		return false;
	}
	return true;
}
