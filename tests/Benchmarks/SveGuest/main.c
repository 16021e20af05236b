/*
 * Times each kernel at each vector length in windows of about 1 ms and prints the best: name, bits, calls, ticks, frequency, checksum.
 * Several passes, because an emulator may translate better what it has met before.
 */
#include "guest.h"

#define PASSES 3
#define WINDOWS 8
#define WINDOWS_PER_SECOND 1000

static const struct {
    const char *name;
    kernel *run;
} kernels[] = {
    { "daxpy", k_daxpy },
    { "sgemm", k_sgemm },
    { "strlen", k_strlen },
    { "gather", k_gather },
    { "complex", k_complex },
    { "dot", k_dot },
    { "predicate", k_predicate },
    { "integer", k_integer },
};

static const unsigned lengths[] = { 16, 32, 64, 256 };

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

static void column(uint64_t n)
{
    put(' ');
    number(n);
}

static uint64_t ticks(void)
{
    uint64_t t;
    __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(t) : : "memory");
    return t;
}

static uint64_t timed(kernel *run, uint64_t calls)
{
    uint64_t start = ticks();
    for (uint64_t i = 0; i < calls; i++)
        run();
    return ticks() - start;
}

static void measure(unsigned bytes, uint64_t frequency)
{
    uint64_t window = frequency / WINDOWS_PER_SECOND;
    for (unsigned i = 0; i < sizeof kernels / sizeof *kernels; i++) {
        uint64_t calls = 1, taken, result = checksum(kernels[i].run());
        while ((taken = timed(kernels[i].run, calls)) < window)
            calls = taken < window / 64 ? calls * 16 : calls * window / taken + calls / 8 + 1;
        uint64_t best = taken;
        for (unsigned turn = 1; turn < WINDOWS; turn++)
            if ((taken = timed(kernels[i].run, calls)) < best)
                best = taken;
        text(kernels[i].name);
        column(bytes * 8);
        column(calls);
        column(best);
        column(frequency);
        column(result);
        put('\n');
    }
}

void main(void)
{
    uint64_t frequency;
    __asm__("mrs %0, cntfrq_el0" : "=r"(frequency));
    for (unsigned pass = 0; pass < PASSES; pass++) {
        for (unsigned length = 0; length < sizeof lengths / sizeof *lengths; length++) {
            prepare();
            if (set_vector_bytes(lengths[length]))
                measure(lengths[length], frequency);
            else
                text("no such vector length\n");
        }
    }
    text("end\n");
}
