/* A Linux process without a C library. */
#include "guest.h"

#define SYS_WRITE 64
#define SYS_EXIT 93
#define SYS_PRCTL 167
#define PR_SVE_SET_VL 50

void main(void);

static long call(long number, long first, long second, long third)
{
    register long x0 __asm__("x0") = first;
    register long x1 __asm__("x1") = second;
    register long x2 __asm__("x2") = third;
    register long x8 __asm__("x8") = number;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x1), "r"(x2), "r"(x8) : "memory");
    return x0;
}

static char line[128];
static unsigned used;

void put(char c)
{
    line[used++] = c;
    if (c == '\n' || used == sizeof line) {
        call(SYS_WRITE, 1, (long)line, used);
        used = 0;
    }
}

int set_vector_bytes(unsigned bytes)
{
    return call(SYS_PRCTL, PR_SVE_SET_VL, bytes, 0) == (long)bytes;
}

/* Linux aligns the stack at process entry, which is all that C needs. */
void _start(void)
{
    main();
    call(SYS_EXIT, 0, 0, 0);
}
