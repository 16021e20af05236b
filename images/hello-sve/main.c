/* hello-sve: a bare-metal Arm guest that shows its CPU, checks SVE, and serves a prompt. */
#include "hello.h"

#define BOOT_HERTZ 100u
/* Slower once the prompt is there: an idle guest should cost its host next to nothing. */
#define IDLE_HERTZ 10u
#define BOOT_TICKS 5u

void main(uint64_t device_tree);

static uint32_t big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Only shown, never needed: loaders that start an ELF need not pass one. */
static void show_device_tree(uint64_t address)
{
    if (address < RAM_BASE || address % 8 != 0) {
        say("device tree none\n");
        return;
    }
    const uint8_t *header = (const uint8_t *)address;
    if (big_endian(header) == 0xd00dfeed)
        say("device tree at %lx, %lu bytes\n", address, (uint64_t)big_endian(header + 4));
    else
        say("device tree FAIL no FDT magic at %lx\n", address);
}

static void check_timer(void)
{
    uint64_t deadline = counter() + 5 * READ_SYSREG(cntfrq_el0);

    timer_start(BOOT_HERTZ);
    __asm__ volatile("msr daifclr, #2" ::: "memory");
    while (timer_ticks() < BOOT_TICKS && counter() < deadline)
        WFI();
    if (timer_ticks() >= BOOT_TICKS)
        say("timer ok %lu interrupts at %lu Hz\n", (uint64_t)BOOT_TICKS, (uint64_t)BOOT_HERTZ);
    else
        say("timer FAIL %lu interrupts in 5 s\n", timer_ticks());
}

void main(uint64_t device_tree)
{
    uart_init();
    say("\nhello-sve: a bare-metal Arm guest\n");
    print_id_registers();
    show_device_tree(device_tree);
    vector_enable();
    selftest_with_mmu_off();

    mmu_build();
    mmu_enable();
    say("mmu on\n");
    selftest_with_mmu_on();

    if (gic_init()) {
        uart_enable_receive();
        check_timer();
        smp_check();
        button_enable();
        timer_start(IDLE_HERTZ);
    }
    say("type help for commands\n");
    prompt_run();
}
