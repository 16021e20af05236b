#pragma once
#include <stdint.h>

/* What bare metal (metal.c) and Linux (linux.c) each give the measuring program. */
void put(char c);
/* Makes the vector length this many bytes; 0 if that length does not exist. */
int set_vector_bytes(unsigned bytes);

/* One call of a kernel works through its arrays once and returns what it found, 0 if its result is an array. */
typedef uint64_t kernel(void);
kernel k_daxpy, k_sgemm, k_strlen, k_gather, k_complex, k_dot, k_predicate, k_integer;
void prepare(void);
/* Everything that the kernels have computed so far, mixed into a number. */
uint64_t checksum(uint64_t hash);
