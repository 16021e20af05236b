/* The command line on the UART. */
#include "hello.h"

#define LINE_BYTES 80u

struct command {
    const char *name, *argument, *help;
    void (*run)(const char *argument);
    bool changes_state;     /* mixed into the sentinels, which are then loaded anew */
};

static const struct command commands[];

static void help(const char *argument);

static void set_vector_length(const char *argument)
{
    uint64_t bits;

    if (!sve_present()) {
        say("SVE absent\n");
        return;
    }
    if (!parse_number(argument, &bits) || bits < 128 || bits > 2048 || bits % 128 != 0) {
        say("vl: give bits, a multiple of 128 from 128 to 2048\n");
        return;
    }
    uint32_t actual = sve_set_len((uint32_t)(bits / 128 - 1));
    say("VL LEN=%lu bits=%lu\n", (uint64_t)sve_len(), (uint64_t)actual);
    if (actual != bits)
        say("vl: %lu bits are not implemented here\n", bits);
}

static void daxpy(const char *argument)
{
    uint64_t n;

    if (!parse_number(argument, &n) || n < 1 || n > DAXPY_MAX)
        say("daxpy: give a count from 1 to %lu\n", (uint64_t)DAXPY_MAX);
    else
        run_daxpy(n);
}

static void registers(const char *argument)
{
    (void)argument;
    sentinel_print();
}

static void ticks(const char *argument)
{
    (void)argument;
    say("ticks %lu counter %lu spurious %lu\n", timer_ticks(), counter(), gic_spurious());
}

static void identification(const char *argument)
{
    (void)argument;
    print_id_registers();
}

static void lengths(const char *argument)
{
    (void)argument;
    if (!sve_present()) {
        say("SVE absent\n");
        return;
    }
    uint32_t before = sve_len();
    print_vector_lengths();
    sve_set_len(before);
}

static void self_test(const char *argument)
{
    (void)argument;
    selftest_with_mmu_on();
}

static void smp(const char *argument)
{
    (void)argument;
    smp_check();
}

static void fault(const char *argument)
{
    (void)argument;
    fault_arm();
    (void)*(volatile uint64_t *)__hole_page;
    struct caught read = fault_disarm();
    fault_arm();
    *(volatile uint64_t *)__image_start = 0;
    struct caught write = fault_disarm();
    fault_arm();
    __asm__ volatile("udf #0");
    struct caught undefined = fault_disarm();
    say("read  of an unmapped page:  ESR=%08lx FAR=%016lx\n", read.esr, read.far);
    say("write to a read-only page:  ESR=%08lx FAR=%016lx\n", write.esr, write.far);
    say("undefined instruction:      ESR=%08lx ELR=%016lx\n", undefined.esr, undefined.elr);
}

/* Keeps the CPU busy for a number of loops: something to measure speed with, and to snapshot in the middle of. */
static void spin(const char *argument)
{
    uint64_t thousands;

    if (!parse_number(argument, &thousands) || thousands < 1) {
        say("spin: give thousands of loops\n");
        return;
    }
    uint64_t value = thousands, before = counter();
    for (uint64_t i = 0; i < thousands * 1000; i++) {
        value = value * 6364136223846793005UL + 1442695040888963407UL;
        value ^= value >> 29;
    }
    uint64_t elapsed = counter() - before;
    say("spin %lu value %016lx microseconds %lu\n", thousands, value, elapsed * 1000000 / READ_SYSREG(cntfrq_el0));
}

static void power_off(const char *argument)
{
    (void)argument;
    say("powering off\n");
    say("off FAIL PSCI returned 0x%lx\n", (uint64_t)psci_call(PSCI_SYSTEM_OFF, 0, 0, 0));
}

static void reset(const char *argument)
{
    (void)argument;
    say("resetting\n");
    say("reset FAIL PSCI returned 0x%lx\n", (uint64_t)psci_call(PSCI_SYSTEM_RESET, 0, 0, 0));
}

static const struct command commands[] = {
    { "help", "", "this list", help, false },
    { "vl", " BITS", "set the vector length (ZCR_EL1.LEN)", set_vector_length, true },
    { "lengths", "", "the vector length at every ZCR_EL1.LEN", lengths, true },
    { "daxpy", " N", "compute and check y += a*x over N elements", daxpy, true },
    { "test", "", "run the self-checks again", self_test, true },
    { "smp", "", "start the other CPUs and let each check itself", smp, false },
    { "regs", "", "registers that stay loaded, and their checksum", registers, false },
    { "id", "", "the CPU's id registers", identification, false },
    { "ticks", "", "timer interrupts so far", ticks, false },
    { "fault", "", "raise three exceptions and show what was caught", fault, false },
    { "spin", " N", "compute for N thousand loops", spin, false },
    { "off", "", "power off (PSCI SYSTEM_OFF)", power_off, false },
    { "reset", "", "restart (PSCI SYSTEM_RESET)", reset, false },
};

static void help(const char *argument)
{
    (void)argument;
    for (unsigned i = 0; i < sizeof commands / sizeof commands[0]; i++)
        say("  %s%s - %s\n", commands[i].name, commands[i].argument, commands[i].help);
}

/* Reads a line with echo; backspace and DEL erase, ^U erases the line, ^C gives it up. */
static void read_line(char *line)
{
    static char previous;
    unsigned length = 0;

    for (;;) {
        char c = uart_get();
        bool second_of_crlf = c == '\n' && previous == '\r';
        previous = c;
        if (second_of_crlf)
            continue;
        if (c == '\r' || c == '\n')
            break;
        if (c == 3) {
            say("^C");
            length = 0;
            break;
        }
        if (c == '\b' || c == 0x7f || c == 0x15) {
            for (unsigned erase = c == 0x15 ? length : length != 0; erase != 0; erase--) {
                say("\b \b");
                length--;
            }
        } else if (c >= ' ' && c < 0x7f && length < LINE_BYTES - 1) {
            line[length++] = c;
            uart_put(c);
        }
    }
    line[length] = '\0';
    say("\n");
}

/* Splits off the first word: returns the rest without leading blanks; trailing blanks are cut. */
static char *split(char *line)
{
    char *end = line;

    while (*end != '\0')
        end++;
    while (end != line && end[-1] == ' ')
        *--end = '\0';
    while (*line != '\0' && *line != ' ')
        line++;
    if (*line == '\0')
        return line;
    *line++ = '\0';
    while (*line == ' ')
        line++;
    return line;
}

static void execute(char *line)
{
    char *argument = split(line);

    for (unsigned i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const struct command *command = &commands[i];
        if (!text_equal(line, command->name))
            continue;
        if (command->argument[0] == '\0' && *argument != '\0') {
            say("%s: takes no argument\n", line);
            return;
        }
        command->run(argument);
        if (command->changes_state) {
            sentinel_mix(line);
            sentinel_mix(argument);
            sentinel_load();
        }
        return;
    }
    say("unknown command '%s'; try help\n", line);
}

void prompt_run(void)
{
    char line[LINE_BYTES];

    sentinel_load();
    for (;;) {
        say("> ");
        read_line(line);
        char *start = line;
        while (*start == ' ')
            start++;
        if (*start != '\0')
            execute(start);
    }
}
