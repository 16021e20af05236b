/* Bare metal at EL1: the UART, and ZCR_EL1 for the vector length. */
#include "guest.h"

#define UART ((volatile uint32_t *)0x09000000)

void put(char c)
{
    *UART = (uint32_t)c;
}

int set_vector_bytes(unsigned bytes)
{
    uint64_t access, actual;
    __asm__ volatile("mrs %0, cpacr_el1" : "=r"(access));
    __asm__ volatile("msr cpacr_el1, %0\n\tisb" : : "r"(access | 3 << 16));
    __asm__ volatile("msr s3_0_c1_c2_0, %0\n\tisb" : : "r"((uint64_t)bytes / 16 - 1)); /* ZCR_EL1 */
    __asm__ volatile("rdvl %0, #1" : "=r"(actual));
    return actual == bytes;
}
