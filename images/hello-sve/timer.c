/* The virtual timer, reprogrammed from its interrupt. */
#include "hello.h"

static volatile uint64_t ticks;
static uint64_t interval, next;

uint64_t counter(void)
{
    ISB();
    return READ_SYSREG(cntvct_el0);
}

uint64_t timer_ticks(void)
{
    return ticks;
}

void timer_start(uint32_t hertz)
{
    WRITE_SYSREG(cntv_ctl_el0, 0);
    ISB();
    interval = READ_SYSREG(cntfrq_el0) / hertz;
    next = counter() + interval;
    WRITE_SYSREG(cntv_cval_el0, next);
    WRITE_SYSREG(cntv_ctl_el0, 1);
    ISB();
}

/* Steps from the last deadline, so the rate does not drift; after a pause it starts anew instead of catching up. */
void timer_interrupt(void)
{
    uint64_t now = counter();

    ticks++;
    next += interval;
    if (next <= now)
        next = now + interval;
    WRITE_SYSREG(cntv_cval_el0, next);
    ISB();
}
