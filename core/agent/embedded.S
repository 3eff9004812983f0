/* The agent as bytes inside golemfs. AGENT_IMAGE is the built program; without one the image is empty. */
	.section .rodata
	.global agent_image_begin, agent_image_end
	.balign 16
agent_image_begin:
#ifdef AGENT_IMAGE
	.incbin AGENT_IMAGE
#endif
agent_image_end:
	.byte 0
	.section .note.GNU-stack, "", @progbits
