/*
 * The requestor's own TCP/IP stack in one private network: a process in a network namespace with the requestor's
 * address, whose sockets the devnet uses as its own. Pings to the address are answered by its kernel side.
 *
 * The process does nothing but make sockets on request; it ends with stack_free(), and when the devnet ends in
 * whatever way. Callbacks come from the loop.
 */
#ifndef DEVNET_STACK_H
#define DEVNET_STACK_H

#include "core/loop.h"
#include "tests/devnet/nic.h"

struct stack;

struct stack_events {
	void (*up)(void *context, int cable); /* the packet socket of its interface; stays the stack's */
	void *context;
};

/* A TCP socket inside, non-blocking, the callee's; -1 when the process has too many. Never called when the process
 * is gone: who asks has a limit of his own. */
typedef void (*stack_socket)(void *context, int fd);

/* NULL with errno when no process can be made. What the kernel refuses later is said once on stderr. */
struct stack *stack_new(struct loop *loop, const struct nic_address *own, const struct stack_events *events);
void stack_ask(struct stack *stack, stack_socket got, void *context);
void stack_forget(struct stack *stack, void *context); /* what it asked for is not wanted any more */
void stack_add(struct stack *stack, const struct nic_address *own); /* one more address */
void stack_free(struct stack *stack); /* unanswered asks are forgotten; sockets live on; takes NULL */

#endif
