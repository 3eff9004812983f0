/* Any bytes as an Ethernet frame: nothing is read beyond them, and what is accepted has its addresses inside. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/mem.h"
#include "tests/devnet/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame_ends ends = {0};
	uint8_t *MEM_AUTO frame = mem_alloc(size + !size); /* exactly as long: one byte beyond is seen */
	memcpy(frame, data, size);
	if (!frame_read(frame, size, &ends))
		return 0;
	assert(size >= 14 + 20);
	assert(memmem(frame + 14, size - 14, &ends.from, sizeof(ends.from)));
	assert(memmem(frame + 14, size - 14, &ends.to, sizeof(ends.to)));
	return 0;
}
