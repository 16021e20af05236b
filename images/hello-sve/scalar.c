/* The same daxpy in scalar floating point, for CPUs without SVE. */
#include "hello.h"

struct kernel_result scalar_daxpy(double *x, double *y, uint64_t n)
{
    __asm__ volatile("msr fpcr, xzr" ::: "memory");
    for (uint64_t i = 0; i < n; i++) {
        x[i] = (double)i;
        y[i] = (double)(n - i);
    }
    for (uint64_t i = 0; i < n; i++)
        y[i] += 3.0 * x[i];
    for (uint64_t i = 0; i < n; i++) {
        uint64_t expected = n + 2 * i;
        if (y[i] != (double)expected)
            return (struct kernel_result){ false, "element", expected, (uint64_t)(int64_t)y[i], i };
    }
    return (struct kernel_result){ .ok = true };
}
