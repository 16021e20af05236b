/* Times each kernel in windows of about 8 ms and prints the best: name, instructions an iteration (0: not known), iterations, ticks of 16 ns. */
#include "guest.h"

#define UART ((volatile uint32_t *)0x09000000)
#define WINDOWS 12
#define WINDOW_TICKS 500000

typedef void kernel(uint64_t);
kernel k_integer_memory, k_integer, k_call, k_frame, k_branch, k_copy, k_bytes, k_float, k_vector, k_exception, k_counter, k_lock, k_pages,
    k_sort, k_match, k_hash;

static const struct {
    const char *name;
    kernel *run;
    unsigned instructions;
} kernels[] = {
    { "integer+memory", k_integer_memory, 8 },
    { "integer", k_integer, 8 },
    { "call", k_call, 8 },
    { "frame", k_frame, 14 },
    { "branch", k_branch, 0 },
    { "bytes", k_bytes, 0 },
    { "copy", k_copy, 10 },
    { "float", k_float, 6 },
    { "vector", k_vector, 6 },
    { "exception", k_exception, 13 },
    { "counter", k_counter, 4 },
    { "lock", k_lock, 10 },
    { "pages", k_pages, 5 },
    { "sort", k_sort, 0 },
    { "match", k_match, 0 },
    { "hash", k_hash, 0 },
};

static void put(char c)
{
    *UART = (uint32_t)c;
}

static void text(const char *s)
{
    while (*s != 0)
        put(*s++);
}

static void number(uint64_t n)
{
    if (n >= 10)
        number(n / 10);
    put((char)('0' + n % 10));
}

static uint64_t ticks(void)
{
    uint64_t t;
    __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(t) : : "memory");
    return t;
}

static uint64_t timed(kernel *run, uint64_t iterations)
{
    uint64_t start = ticks();
    run(iterations);
    return ticks() - start;
}

void main(void)
{
    for (unsigned i = 0; i < sizeof kernels / sizeof *kernels; i++) {
        uint64_t iterations = 1, taken;
        while ((taken = timed(kernels[i].run, iterations)) < WINDOW_TICKS)
            iterations = taken < 1000 ? iterations * 16 : iterations * WINDOW_TICKS / taken + iterations / 8 + 1;
        uint64_t best = taken;
        for (unsigned window = 1; window < WINDOWS; window++)
            if ((taken = timed(kernels[i].run, iterations)) < best)
                best = taken;
        text(kernels[i].name);
        put(' ');
        number(kernels[i].instructions);
        put(' ');
        number(iterations);
        put(' ');
        number(best);
        put('\n');
    }
    text("end\n");
}
