/* What the CPU says about itself, and its vector length. */
#include "hello.h"

bool sve_present(void)
{
    return ((READ_SYSREG(id_aa64pfr0_el1) >> 32) & 0xf) != 0;
}

/* CPACR_EL1.FPEN and, with SVE, ZEN: no traps from EL1 and EL0. ZEN is RES0 without SVE. */
void vector_enable(void)
{
    uint64_t cpacr = READ_SYSREG(cpacr_el1) | (3UL << 20);

    if (sve_present())
        cpacr |= 3UL << 16;
    WRITE_SYSREG(cpacr_el1, cpacr);
    ISB();
}

uint32_t sve_len(void)
{
    return (uint32_t)READ_SYSREG(ZCR_EL1) & 0xf;
}

uint32_t sve_bits(void)
{
    return sve_present() ? sve_vector_bytes() * 8 : 0;
}

uint32_t sve_set_len(uint32_t len)
{
    WRITE_SYSREG(ZCR_EL1, len);
    ISB();
    return sve_bits();
}

void print_id_registers(void)
{
    say("MIDR_EL1=%016lx MPIDR_EL1=%016lx\n", READ_SYSREG(midr_el1), READ_SYSREG(mpidr_el1));
    say("ID_AA64PFR0_EL1=%016lx ID_AA64PFR1_EL1=%016lx\n", READ_SYSREG(id_aa64pfr0_el1), READ_SYSREG(id_aa64pfr1_el1));
    say("ID_AA64ISAR0_EL1=%016lx ID_AA64ISAR1_EL1=%016lx\n", READ_SYSREG(id_aa64isar0_el1),
        READ_SYSREG(id_aa64isar1_el1));
    say("ID_AA64MMFR0_EL1=%016lx ID_AA64ZFR0_EL1=%016lx\n", READ_SYSREG(id_aa64mmfr0_el1), READ_SYSREG(ID_AA64ZFR0_EL1));
    say("CTR_EL0=%016lx CNTFRQ_EL0=%lu CurrentEL=%lu\n", READ_SYSREG(ctr_el0), READ_SYSREG(cntfrq_el0),
        READ_SYSREG(CurrentEL) >> 2);
}

void print_vector_lengths(void)
{
    for (uint64_t len = 0; len < 16; len++)
        say("VL LEN=%lu bits=%lu\n", len, (uint64_t)sve_set_len((uint32_t)len));
}
