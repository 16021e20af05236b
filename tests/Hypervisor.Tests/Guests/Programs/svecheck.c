/*
 * Whether Linux and the machine below it keep SVE state: run in the guest as
 *   svecheck lengths                    every argument of PR_SVE_SET_VL
 *   svecheck ptrace                     registers of a stopped child read and written, at every length
 *   svecheck stress SECONDS PROCESSES   processes at different lengths compute and check, under preemption and signals
 * Prints what is wrong and ends with status 1, or ends with a line that starts with "ok".
 */
#define _GNU_SOURCE
#include <asm/ptrace.h>
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LONGEST 256
#define GROWING 8
#define FIRST_STEP 10

void compute(const void *z, const void *p, void *z_out, void *p_out, uint64_t rounds);
void stop_with(const void *z, const void *p, void *z_out, void *p_out);
void spoil(void);

/* Room for the registers at any length; they lie close together, at the strides of the length in use. */
struct registers {
    uint64_t z[32 * LONGEST / 8];
    uint8_t p[17 * LONGEST / 8];
};

static unsigned lengths[16];
static unsigned count;

static void fail(const char *what, long first, long second)
{
    printf("wrong in %d: %s %ld %ld, errno %d\n", (int)getpid(), what, first, second, errno);
    fflush(stdout);
    _exit(1);
}

static unsigned current(void)
{
    uint64_t bytes;
    __asm__ volatile(".arch_extension sve\n\trdvl %0, #1" : "=r"(bytes));
    return (unsigned)bytes;
}

static void use_length(unsigned bytes)
{
    if (prctl(PR_SVE_SET_VL, (unsigned long)bytes) < 0 || current() != bytes)
        fail("length asked for and in use", bytes, current());
}

static void find_lengths(void)
{
    for (unsigned bytes = 16; bytes <= LONGEST; bytes += 16) {
        int given = prctl(PR_SVE_SET_VL, (unsigned long)bytes);
        if (given < 0)
            fail("PR_SVE_SET_VL", bytes, given);
        unsigned length = (unsigned)given & PR_SVE_VL_LEN_MASK;
        if (length > bytes || length != current())
            fail("length asked for and in use", bytes, current());
        if (count == 0 || lengths[count - 1] != length)
            lengths[count++] = length;
    }
}

static void check_lengths(void)
{
    for (unsigned bytes = LONGEST + 16; bytes <= 8192; bytes += 16) {
        int given = prctl(PR_SVE_SET_VL, (unsigned long)bytes);
        if (given < 0 || ((unsigned)given & PR_SVE_VL_LEN_MASK) != lengths[count - 1] || current() != lengths[count - 1])
            fail("a length beyond the longest", bytes, given);
    }
    for (unsigned bytes = 0; bytes < 40; bytes++) {
        if (bytes != 16 && bytes != 32 && (prctl(PR_SVE_SET_VL, (unsigned long)bytes) >= 0 || errno != EINVAL))
            fail("a length that is none", bytes, errno);
    }
    for (unsigned i = 0; i < count; i++) {
        use_length(lengths[i]);
        pid_t child = fork();
        if (child == 0)
            _exit(current() == lengths[i] ? 0 : 1);
        int status;
        if (waitpid(child, &status, 0) != child || status != 0)
            fail("length of a child", lengths[i], status);
    }
}

static uint64_t state;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* FFR only ever has ones below zeros. P15 is all true, because compute relies on it. */
static void fill(struct registers *r, unsigned bytes)
{
    unsigned p = bytes / 8;
    for (unsigned i = 0; i < 32 * bytes / 8; i++)
        r->z[i] = next();
    for (unsigned i = 0; i < 15 * p; i++)
        r->p[i] = (uint8_t)next();
    memset(r->p + 15 * p, 0xff, p);
    uint64_t ones = next() % (bytes + 1);
    for (unsigned i = 0; i < p; i++)
        r->p[16 * p + i] = ones >= 8 * i + 8 ? 0xff : ones <= 8 * i ? 0 : (uint8_t)((1u << (ones - 8 * i)) - 1);
}

static void expect(const struct registers *expected, const struct registers *actual, unsigned bytes, const char *where)
{
    for (unsigned i = 0; i < 32 * bytes / 8; i++)
        if (expected->z[i] != actual->z[i]) {
            printf("%s: Z%u.D[%u] is %016lx, not %016lx\n", where, i / (bytes / 8), i % (bytes / 8), actual->z[i], expected->z[i]);
            fail("vector at this length", bytes, i);
        }
    for (unsigned i = 0; i < 17 * bytes / 8; i++)
        if (expected->p[i] != actual->p[i]) {
            printf("%s: P%u byte %u is %02x, not %02x\n", where, i / (bytes / 8), i % (bytes / 8), actual->p[i], expected->p[i]);
            fail("predicate (16: FFR) at this length", bytes, i);
        }
}

static volatile sig_atomic_t signals;

static void on_signal(int number)
{
    (void)number;
    signals++;
    spoil();
}

static void step(unsigned bytes, uint64_t rounds)
{
    static struct registers before, expected, after;
    fill(&before, bytes);
    expected = before;
    for (unsigned n = 0; n < GROWING; n++)
        for (unsigned i = 0; i < bytes / 8; i++)
            expected.z[n * (bytes / 8) + i] += rounds * before.z[(FIRST_STEP + n) * (bytes / 8) + i];
    unsigned p = bytes / 8;
    for (unsigned i = 0; i < p && (rounds & 1) != 0; i++)
        expected.p[i] ^= expected.p[p + i];
    memcpy(expected.p + 2 * p, before.p + 16 * p, p);
    compute(before.z, before.p, after.z, after.p, rounds);
    expect(&expected, &after, bytes, "computing");
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Even processes keep their length; odd ones take another in every step. Each also disturbs its neighbour. */
static void work(unsigned number, double seconds, pid_t neighbour)
{
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    sigaction(SIGALRM, &action, 0);
    sigaction(SIGUSR1, &action, 0);
    state = 0x9e3779b97f4a7c15 * (number + 1);
    struct itimerval timer = { { 0, 1500 + 100 * number }, { 0, 1000 } };
    setitimer(ITIMER_REAL, &timer, 0);
    double end = now() + seconds;
    unsigned long steps = 0;
    while (now() < end) {
        unsigned bytes = lengths[(number + (number & 1 ? steps : 0)) % count];
        use_length(bytes);
        step(bytes, 500 + next() % 4000);
        steps++;
        if (neighbour != 0)
            kill(neighbour, SIGUSR1);
    }
    timer = (struct itimerval){ 0 };
    setitimer(ITIMER_REAL, &timer, 0);
    printf("process %u: %lu steps, %lu signals\n", number, steps, (unsigned long)signals);
    fflush(stdout);
    _exit(steps > 0 && signals > 0 ? 0 : 1);
}

static void check_stress(double seconds, unsigned processes)
{
    /* A neighbour may have ended, or not be ready: it ignores the signal until it is. */
    signal(SIGUSR1, SIG_IGN);
    pid_t neighbour = 0;
    for (unsigned i = 0; i < processes; i++) {
        pid_t child = fork();
        if (child == 0)
            work(i, seconds, neighbour);
        if (child < 0)
            fail("fork", i, child);
        neighbour = child;
    }
    for (unsigned i = 0; i < processes; i++) {
        int status;
        pid_t child = wait(&status);
        if (status != 0)
            fail("process and its status", child, status);
    }
}

static void traced(unsigned bytes)
{
    static struct registers before, after;
    use_length(bytes);
    state = 77 + bytes;
    fill(&before, bytes);
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    stop_with(before.z, before.p, after.z, after.p);
    fill(&before, bytes);
    expect(&before, &after, bytes, "after the tracer's write");
    _exit(0);
}

static uint8_t image[SVE_PT_SIZE(LONGEST / 16, SVE_PT_REGS_SVE)];

static void copy_registers(struct registers *r, unsigned bytes, int into_image)
{
    unsigned vq = bytes / 16;
    for (unsigned n = 0; n < 32; n++) {
        void *saved = image + SVE_PT_SVE_ZREG_OFFSET(vq, n), *ours = r->z + n * (bytes / 8);
        memcpy(into_image ? saved : ours, into_image ? ours : saved, bytes);
    }
    for (unsigned n = 0; n < 17; n++) {
        void *saved = image + (n == 16 ? SVE_PT_SVE_FFR_OFFSET(vq) : SVE_PT_SVE_PREG_OFFSET(vq, n)), *ours = r->p + n * (bytes / 8);
        memcpy(into_image ? saved : ours, into_image ? ours : saved, bytes / 8);
    }
}

static void check_traced(unsigned bytes)
{
    static struct registers expected, actual;
    struct user_sve_header *header = (struct user_sve_header *)image;
    int status;
    pid_t child = fork();
    if (child == 0)
        traced(bytes);
    if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
        fail("the child did not stop", bytes, status);
    struct iovec vector = { image, sizeof image };
    if (ptrace(PTRACE_GETREGSET, child, (void *)NT_ARM_SVE, &vector) != 0)
        fail("PTRACE_GETREGSET of NT_ARM_SVE", bytes, child);
    if (header->vl != bytes || header->max_vl != lengths[count - 1] || (header->flags & SVE_PT_REGS_MASK) != SVE_PT_REGS_SVE)
        fail("header: length and flags", header->vl, header->flags);
    state = 77 + bytes;
    fill(&expected, bytes);
    copy_registers(&actual, bytes, 0);
    expect(&expected, &actual, bytes, "as the tracer reads it");

    fill(&expected, bytes);
    copy_registers(&expected, bytes, 1);
    vector = (struct iovec){ image, header->size };
    if (ptrace(PTRACE_SETREGSET, child, (void *)NT_ARM_SVE, &vector) != 0)
        fail("PTRACE_SETREGSET of NT_ARM_SVE", bytes, child);
    struct user_pt_regs general;
    vector = (struct iovec){ &general, sizeof general };
    ptrace(PTRACE_GETREGSET, child, (void *)NT_PRSTATUS, &vector);
    general.pc += 4;
    ptrace(PTRACE_SETREGSET, child, (void *)NT_PRSTATUS, &vector);
    ptrace(PTRACE_CONT, child, 0, 0);
    if (waitpid(child, &status, 0) != child || status != 0)
        fail("the child found other registers", bytes, status);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    find_lengths();
    if (strcmp(what, "lengths") == 0)
        check_lengths();
    else if (strcmp(what, "ptrace") == 0)
        for (unsigned i = 0; i < count; i++)
            check_traced(lengths[i]);
    else if (strcmp(what, "stress") == 0 && argc == 4)
        check_stress(atof(argv[2]), (unsigned)atoi(argv[3]));
    else
        return 2;
    printf("ok");
    for (unsigned i = 0; i < count; i++)
        printf(" %u", lengths[i] * 8);
    printf("\n");
    return 0;
}
