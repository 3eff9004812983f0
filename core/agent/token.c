#include "core/agent/token.h"

#include <fcntl.h>
#include <unistd.h>

#include "core/agent/protocol.h"

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int token_read(uint8_t token[])
{
	char text[2 * AGENT_TOKEN_SIZE];
	int fd = open("token", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);

	if (fd >= 0)
		close(fd);
	if (n != sizeof text)
		return -1;
	for (unsigned i = 0; i < AGENT_TOKEN_SIZE; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -1;
		token[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}
