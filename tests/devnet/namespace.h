/*
 * Processes in kernel namespaces of their own, and packets with descriptors between them and the devnet.
 *
 * What lives in such a process and the descriptors it keeps is all there is of it: the kernel forgets it with the last
 * of them, also after a kill -9. Nothing is owned here.
 */
#ifndef DEVNET_NAMESPACE_H
#define DEVNET_NAMESPACE_H

#include <stddef.h>
#include <sys/types.h>

enum { NAMESPACE_FDS_MAX = 3 };

/* Like fork(), into new namespaces (CLONE_NEW…), of which a user namespace is one when the caller is not root. The
 * child goes on here with a copy of the devnet's memory; it must not return to the loop. */
pid_t namespace_fork(unsigned long namespaces);
/* In the child of a caller who is not root: root inside is that user outside. 0, or -1 with errno. */
int namespace_map_user(unsigned uid, unsigned gid);
/* In the child: standard descriptors lead nowhere. */
void namespace_lead_nowhere(void);
/* In the child: the socket becomes descriptor 3, the other one (-1: none) becomes 4, the rest is closed. */
void namespace_keep(int *socket, int *other);

/* One packet of a SOCK_SEQPACKET socket with descriptors: 0, or -1 with errno. */
int namespace_send(int socket, const void *data, size_t len, const int *fds, unsigned count);
/* Bytes received, 0 at the end, -1 with errno; at most `*count` descriptors, closed on exec. */
ssize_t namespace_receive(int socket, void *data, size_t len, int *fds, unsigned *count, int flags);

#endif
