/*
 * Memory that is there: allocation which ends the daemon cleanly when the machine has none left.
 *
 * golemfs writes down what it rents before it asks for it (journal.h), so stopping at once is safe: the next
 * start ends what was left. Continuing with half-made objects would not be.
 */
#ifndef CORE_MEM_H
#define CORE_MEM_H

#include <stddef.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

/* Each returns memory that the caller frees with free(), never NULL; sizes in bytes. */
void *mem_alloc(size_t size); /* zeroed */
void *mem_resize(void *old, size_t size);
char *mem_strdup(const char *text);
void *mem_dup(const void *data, size_t size);
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Returns to the system what is free between what is used; takes milliseconds: for the lull after a burst. */
void mem_give_back(void);

/* Ownership that ends with the scope, and its hand-over: `return mem_move(&p);`. */
static inline void mem_free_at(void *pointer)
{
	free(*(void **)pointer);
}
#define MEM_AUTO __attribute__((cleanup(mem_free_at)))
#define mem_move(pointer)                                                                                    \
	({                                                                                                   \
		__typeof__(*(pointer)) moved_ = *(pointer);                                                  \
		*(pointer) = NULL;                                                                           \
		moved_;                                                                                      \
	})

#endif
