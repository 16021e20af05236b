/* GICv3 with one security state: group 1, affinity routing, the system-register CPU interface. */
#include "hello.h"

enum {
    GICD_CTLR = 0x0000,
    GICD_IGROUPR = 0x0080,
    GICD_ISENABLER = 0x0100,
    GICD_IPRIORITYR = 0x0400,
    GICD_ICFGR = 0x0C00,
    GICD_IROUTER = 0x6000,

    GICR_TYPER = 0x0008,
    GICR_WAKER = 0x0014,
    GICR_STRIDE = 0x20000,
    GICR_SGI = 0x10000,
};

#define CTLR_ENABLE_GROUP1 (1u << 1)
#define CTLR_ARE (1u << 4)
#define CTLR_RWP (1u << 31)
#define WAKER_PROCESSOR_SLEEP (1u << 1)
#define WAKER_CHILDREN_ASLEEP (1u << 2)
#define TYPER_LAST (1UL << 4)

#define ICC_PMR_EL1 S3_0_C4_C6_0
#define ICC_IAR1_EL1 S3_0_C12_C12_0
#define ICC_EOIR1_EL1 S3_0_C12_C12_1
#define ICC_BPR1_EL1 S3_0_C12_C12_3
#define ICC_SRE_EL1 S3_0_C12_C12_5
#define ICC_IGRPEN1_EL1 S3_0_C12_C12_7

static volatile uint64_t spurious;

uint64_t gic_spurious(void)
{
    return spurious;
}

static uint64_t own_affinity(void)
{
    uint64_t mpidr = READ_SYSREG(mpidr_el1);

    return (mpidr & 0xffffff) | ((mpidr >> 8) & 0xff000000);
}

/* The redistributor frame whose GICR_TYPER carries this CPU's affinity; 0 if there is none. */
static uint64_t own_redistributor(void)
{
    for (uint64_t base = GICR_BASE; base < UART_BASE; base += GICR_STRIDE) {
        uint64_t typer = mmio_read64(base + GICR_TYPER);
        if (typer >> 32 == own_affinity())
            return base;
        if ((typer & TYPER_LAST) != 0)
            break;
    }
    return 0;
}

static void set_priority(uint64_t bank, uint32_t intid, uint8_t priority)
{
    uint64_t address = bank + GICD_IPRIORITYR + (intid & ~3u);
    uint32_t shift = (intid & 3u) * 8;

    mmio_write32(address, (mmio_read32(address) & ~(0xffu << shift)) | ((uint32_t)priority << shift));
}

static void enable(uint64_t bank, uint32_t intid)
{
    uint64_t word = (intid / 32) * 4;
    uint32_t bit = 1u << (intid % 32);

    mmio_write32(bank + GICD_IGROUPR + word, mmio_read32(bank + GICD_IGROUPR + word) | bit);
    set_priority(bank, intid, 0xa0);
    mmio_write32(bank + GICD_ISENABLER + word, bit);
}

/* A level-sensitive interrupt of the board, to this CPU. */
static void enable_shared(uint32_t intid)
{
    uint64_t config = GICD_BASE + GICD_ICFGR + (intid / 16) * 4;

    enable(GICD_BASE, intid);
    mmio_write32(config, mmio_read32(config) & ~(2u << (intid % 16) * 2));
    mmio_write64(GICD_BASE + GICD_IROUTER + 8UL * intid, READ_SYSREG(mpidr_el1) & 0xff00ffffffUL);
}

bool gic_init(void)
{
    uint64_t redistributor = own_redistributor();

    if (redistributor == 0) {
        say("gic FAIL no redistributor for affinity 0x%lx\n", own_affinity());
        return false;
    }
    mmio_write32(GICD_BASE + GICD_CTLR, CTLR_ARE | CTLR_ENABLE_GROUP1);
    while ((mmio_read32(GICD_BASE + GICD_CTLR) & CTLR_RWP) != 0)
        ;
    mmio_write32(redistributor + GICR_WAKER, mmio_read32(redistributor + GICR_WAKER) & ~WAKER_PROCESSOR_SLEEP);
    while ((mmio_read32(redistributor + GICR_WAKER) & WAKER_CHILDREN_ASLEEP) != 0)
        ;

    /* The SGI/PPI frame has the distributor's layout for INTID 0..31. */
    enable(redistributor + GICR_SGI, INTID_VIRTUAL_TIMER);
    enable_shared(INTID_UART);
    enable_shared(INTID_GPIO);

    WRITE_SYSREG(ICC_SRE_EL1, 7);
    ISB();
    WRITE_SYSREG(ICC_PMR_EL1, 0xff);
    WRITE_SYSREG(ICC_BPR1_EL1, 0);
    WRITE_SYSREG(ICC_IGRPEN1_EL1, 1);
    ISB();
    return true;
}

void irq_handler(void)
{
    uint64_t intid = READ_SYSREG(ICC_IAR1_EL1) & 0xffffff;

    DSB();
    if (intid >= 1020) {
        spurious++;
        return;
    }
    if (intid == INTID_VIRTUAL_TIMER)
        timer_interrupt();
    else if (intid == INTID_UART)
        uart_interrupt();
    else if (intid == INTID_GPIO)
        button_interrupt();
    else
        spurious++;
    DSB();
    WRITE_SYSREG(ICC_EOIR1_EL1, intid);
    ISB();
}
