/* Synchronous exceptions: expected ones are recorded and skipped, others stop the guest with everything that is known. */
#include "hello.h"

/* What save_caller_registers in start.S pushes. */
struct exception_frame {
    uint64_t x[20];     /* x0..x18, x30 */
    uint64_t elr, spsr;
};

static volatile bool armed;
static volatile struct caught caught;

void fault_arm(void)
{
    caught.count = 0;
    armed = true;
}

struct caught fault_disarm(void)
{
    armed = false;
    return (struct caught){ caught.esr, caught.elr, caught.far, caught.count };
}

uint32_t exception_class(uint64_t esr)
{
    return (uint32_t)(esr >> 26) & 0x3f;
}

static void halt(void)
{
    for (;;)
        WFI();
}

void synchronous_handler(struct exception_frame *frame);
void unexpected_handler(uint64_t vector);

void synchronous_handler(struct exception_frame *frame)
{
    if (armed) {
        caught.esr = READ_SYSREG(esr_el1);
        caught.elr = frame->elr;
        caught.far = READ_SYSREG(far_el1);
        caught.count++;
        frame->elr += 4;
        return;
    }
    say("\nPANIC synchronous exception ESR=%08lx ELR=%016lx FAR=%016lx SPSR=%08lx\n", READ_SYSREG(esr_el1), frame->elr,
        READ_SYSREG(far_el1), frame->spsr);
    halt();
}

void unexpected_handler(uint64_t vector)
{
    say("\nPANIC exception at vector offset 0x%lx ESR=%08lx ELR=%016lx\n", vector * 128, READ_SYSREG(esr_el1),
        READ_SYSREG(elr_el1));
    halt();
}
