/*
 * Ten kernels that load an emulated machine in different ways. Prints "kernel NAME UNITS SECONDS" for each, or for the one
 * that is named. The work is fixed, so that times of two machines can be compared; UNITS says how much of it there is.
 */
#define _GNU_SOURCE
#include <arm_neon.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile uint64_t sink;

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Ten instructions a round, so units are instructions. */
static long integer(void)
{
    const long rounds = 40000000;
    uint64_t n = rounds, a = 1, b = 2, c = 3;
    __asm__ volatile("1: add %1, %1, %2\n"
                     "eor %2, %2, %3, lsl #3\n"
                     "sub %3, %3, %1\n"
                     "orr %1, %1, %2, lsr #7\n"
                     "madd %2, %3, %1, %2\n"
                     "and %3, %3, #0xffffffffffff\n"
                     "ror %1, %1, #13\n"
                     "add %3, %3, %2, lsl #1\n"
                     "subs %0, %0, #1\n"
                     "b.ne 1b\n"
                     : "+r"(n), "+r"(a), "+r"(b), "+r"(c)
                     :
                     : "cc");
    sink = a + b + c;
    return rounds * 10;
}

static int compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static long branches(void)
{
    const long count = 300000;
    uint32_t *numbers = malloc(count * sizeof *numbers);
    for (long i = 0; i < count; i++)
        numbers[i] = (uint32_t)next_random();
    qsort(numbers, count, sizeof *numbers, compare);
    sink = numbers[count / 2];
    free(numbers);
    return count;
}

static long floating(void)
{
    const long rounds = 3000000;
    double x = 0.5, y = 0.25, z = 1.0 / 3;
    for (long i = 0; i < rounds; i++) {
        x = x * 1.0000001 + y * 1e-9;
        y = y + z / (x + 1.0);
        z = z * 0.9999999 - x * 1e-9;
    }
    sink = (uint64_t)(x + y + z);
    return rounds;
}

static long simd(void)
{
    const long rounds = 2000000;
    uint32x4_t a = vdupq_n_u32(1), b = vdupq_n_u32(0x9e3779b9), c = vdupq_n_u32(7);
    for (long i = 0; i < rounds; i++) {
        a = veorq_u32(vaddq_u32(a, b), vshlq_n_u32(c, 5));
        b = vmlaq_u32(b, a, c);
        c = vorrq_u32(vshrq_n_u32(c, 3), vsubq_u32(a, b));
        __asm__ volatile("" : "+w"(a), "+w"(b), "+w"(c));
    }
    sink = vaddvq_u32(veorq_u32(a, veorq_u32(b, c)));
    return rounds;
}

static long copying(void)
{
    const long size = 8 << 20, rounds = 16;
    char *from = malloc(size), *to = malloc(size);
    memset(from, 1, size);
    memset(to, 2, size);
    for (long i = 0; i < rounds; i++) {
        memcpy(to, from, size);
        from[i] = to[size - 1 - i];
        __asm__ volatile("" : : "r"(to), "r"(from) : "memory");
    }
    free(from);
    free(to);
    return rounds * size;
}

static long chasing(void)
{
    const long count = 2 << 20, rounds = 2000000;
    uint32_t *next = malloc(count * sizeof *next), at = 0;
    for (long i = 0; i < count; i++)
        next[i] = (uint32_t)i;
    for (long i = count - 1; i > 0; i--) { /* Sattolo: one cycle through everything */
        long j = (long)(next_random() % (uint64_t)i);
        uint32_t swap = next[i];
        next[i] = next[j];
        next[j] = swap;
    }
    for (long i = 0; i < rounds; i++)
        at = next[at];
    sink = at;
    free(next);
    return rounds;
}

static long syscalls(void)
{
    const long rounds = 200000;
    for (long i = 0; i < rounds; i++)
        sink = (uint64_t)syscall(SYS_getppid);
    return rounds;
}

static long switching(void)
{
    const long rounds = 10000;
    int there[2], back[2];
    char byte = 0;
    if (pipe(there) != 0 || pipe(back) != 0)
        exit(1);
    pid_t child = fork();
    if (child == 0) {
        for (long i = 0; i < rounds; i++)
            if (read(there[0], &byte, 1) != 1 || write(back[1], &byte, 1) != 1)
                _exit(1);
        _exit(0);
    }
    for (long i = 0; i < rounds; i++)
        if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
            exit(1);
    waitpid(child, NULL, 0);
    return rounds * 2;
}

static long faulting(void)
{
    const long size = 32 << 20, rounds = 2, page = 4096;
    for (long i = 0; i < rounds; i++) {
        char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            exit(1);
        madvise(memory, size, MADV_NOHUGEPAGE);
        for (long at = 0; at < size; at += page)
            memory[at] = 1;
        munmap(memory, size);
    }
    return rounds * size / page;
}

static long forking(void)
{
    const long rounds = 300;
    for (long i = 0; i < rounds; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        waitpid(child, NULL, 0);
    }
    return rounds;
}

static const struct {
    const char *name;
    long (*run)(void);
} kernels[] = {
    {"integer", integer}, {"branches", branches}, {"floating", floating}, {"simd", simd},           {"copying", copying},
    {"chasing", chasing}, {"syscalls", syscalls}, {"switching", switching}, {"faulting", faulting}, {"forking", forking},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
        struct timespec begin, end;
        if (argc > 1 && strcmp(argv[1], kernels[i].name) != 0)
            continue;
        clock_gettime(CLOCK_MONOTONIC, &begin);
        long units = kernels[i].run();
        clock_gettime(CLOCK_MONOTONIC, &end);
        printf("kernel %s %ld %.6f\n", kernels[i].name, units,
               (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) * 1e-9);
        fflush(stdout);
    }
    return 0;
}
