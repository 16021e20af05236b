/* Secondary CPUs: each is started by PSCI, checks itself, and goes off again. */
#include "hello.h"

#define INCREMENTS 1000u
#define SMP_ELEMENTS 200u

#define PSCI_ALREADY_ON (-4)

struct cpu_report {
    volatile bool done;
    bool ok;
    uint32_t bits;
};

static struct cpu_report reports[MAX_CPUS];
static uint64_t atomic_count, exclusive_count;

static bool has_lse(void)
{
    return ((READ_SYSREG(id_aa64isar0_el1) >> 20) & 0xf) >= 2;
}

static void increment_atomic(void)
{
    __asm__ volatile(".arch_extension lse\n\tldadd %0, xzr, [%1]" ::"r"(1UL), "r"(&atomic_count) : "memory");
}

static void increment_exclusive(void)
{
    uint64_t value;
    uint32_t failed;

    __asm__ volatile("1: ldaxr %0, [%2]\n\tadd %0, %0, #1\n\tstlxr %w1, %0, [%2]\n\tcbnz %w1, 1b"
                     : "=&r"(value), "=&r"(failed)
                     : "r"(&exclusive_count)
                     : "memory");
}

static void increment_all(void)
{
    for (unsigned i = 0; i < INCREMENTS; i++) {
        increment_exclusive();
        if (has_lse())
            increment_atomic();
    }
}

void secondary_main(uint64_t cpu)
{
    double *x = (double *)(SCRATCH_BASE + cpu * SCRATCH_SIZE / MAX_CPUS);
    double *y = x + 2 * SMP_ELEMENTS;

    vector_enable();
    struct kernel_result result;
    if (sve_present()) {
        sve_set_len(15);
        result = sve_daxpy(x, y, SMP_ELEMENTS);
    } else {
        result = scalar_daxpy(x, y, SMP_ELEMENTS);
    }
    increment_all();
    reports[cpu].ok = result.ok;
    reports[cpu].bits = sve_bits();
    DSB();
    reports[cpu].done = true;
    psci_call(PSCI_CPU_OFF, 0, 0, 0);
    for (;;)
        WFI();
}

/* Sleeps between looks; the timer's interrupts wake it. */
static bool wait_for(uint64_t cpu)
{
    uint64_t deadline = counter() + 10 * READ_SYSREG(cntfrq_el0);

    while (!reports[cpu].done) {
        if (counter() > deadline)
            return false;
        WFI();
    }
    DSB();
    return true;
}

static int64_t start(uint64_t cpu)
{
    uint64_t affinity = (cpu & 15) | (cpu >> 4) << 8;

    reports[cpu].done = false;
    DSB();
    int64_t status = psci_call(PSCI_CPU_ON, affinity, (uint64_t)secondary_start, cpu);
    /* The last run's CPU may still be on its way off. */
    uint64_t deadline = counter() + READ_SYSREG(cntfrq_el0);
    while (status == PSCI_ALREADY_ON && counter() < deadline)
        status = psci_call(PSCI_CPU_ON, affinity, (uint64_t)secondary_start, cpu);
    return status;
}

void smp_check(void)
{
    uint64_t started = 1, finished = 1;

    atomic_count = 0;
    exclusive_count = 0;
    while (started < MAX_CPUS && start(started) == 0)
        started++;
    increment_all();
    for (uint64_t cpu = 1; cpu < started; cpu++) {
        if (!wait_for(cpu)) {
            say("cpu %lu FAIL no answer\n", cpu);
            continue;
        }
        finished++;
        say("cpu %lu %s bits=%lu\n", cpu, reports[cpu].ok ? "ok" : "FAIL daxpy", (uint64_t)reports[cpu].bits);
    }
    uint64_t expected = finished * INCREMENTS;
    bool ok = exclusive_count == expected && (!has_lse() || atomic_count == expected);
    say("smp %s cpus=%lu exclusive=%lu atomic=%lu\n", ok ? "ok" : "FAIL", started, exclusive_count, atomic_count);
}
