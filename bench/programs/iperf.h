/* SPDX-License-Identifier: BSD-2-Clause */
/* The server's side of iperf3, for bench/programs/stream.c. */
#ifndef BENCH_IPERF_H
#define BENCH_IPERF_H

/* Takes a client's connection from a listening socket and serves its whole test: TCP, one stream,
 * either way. A client that breaks off or asks for more is left; the next one may come. */
void iperf_serve(int listener);

#endif
