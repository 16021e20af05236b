/* The board's power button: line 3 of the PL061. Pressing it powers the machine off. */
#include "hello.h"

enum {
    GPIODATA_LINE3 = 0x020,     /* address bits 9:2 are the mask of lines */
    GPIODIR = 0x400,
    GPIOIS = 0x404,
    GPIOIBE = 0x408,
    GPIOIEV = 0x40C,
    GPIOIE = 0x410,
    GPIOMIS = 0x418,
    GPIOIC = 0x41C,
};

#define BUTTON (1u << 3)

static void clear_bit(uint32_t reg)
{
    mmio_write32(GPIO_BASE + reg, mmio_read32(GPIO_BASE + reg) & ~BUTTON);
}

static void set_bit(uint32_t reg)
{
    mmio_write32(GPIO_BASE + reg, mmio_read32(GPIO_BASE + reg) | BUTTON);
}

/* An input whose rising edge interrupts. */
void button_enable(void)
{
    clear_bit(GPIOIE);
    clear_bit(GPIODIR);
    clear_bit(GPIOIS);
    clear_bit(GPIOIBE);
    set_bit(GPIOIEV);
    mmio_write32(GPIO_BASE + GPIOIC, BUTTON);
    set_bit(GPIOIE);
}

void button_interrupt(void)
{
    if ((mmio_read32(GPIO_BASE + GPIOMIS) & BUTTON) == 0)
        return;
    mmio_write32(GPIO_BASE + GPIOIC, BUTTON);
    if (mmio_read32(GPIO_BASE + GPIODATA_LINE3) == 0)
        return;
    say("\npower button: powering off\n");
    psci_call(PSCI_SYSTEM_OFF, 0, 0, 0);
}
