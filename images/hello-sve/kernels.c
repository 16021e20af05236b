/* The SVE computations. This file alone is compiled with SVE and floating point; call it after vector_enable. */
#include "hello.h"

#include <arm_sve.h>

#define OK ((struct kernel_result){ .ok = true })
#define WRONG(what_, index_, expected_, actual_) \
    ((struct kernel_result){ false, what_, (uint64_t)(expected_), (uint64_t)(actual_), (uint64_t)(index_) })

static const double Scale = 3.0;
static const double Guard = -12345.0;

/* FPCR may hold a sentinel; the kernels compute in round-to-nearest. */
static void default_rounding(void)
{
    __asm__ volatile("msr fpcr, xzr" ::: "memory");
}

static __attribute__((noinline)) void daxpy(double *restrict y, const double *restrict x, double a, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        y[i] += a * x[i];
}

/* All values are small integers, so every result is exact. The element after the last shows that predication holds. */
struct kernel_result sve_daxpy(double *x, double *y, uint64_t n)
{
    default_rounding();
    for (uint64_t i = 0; i < n; i++) {
        x[i] = (double)i;
        y[i] = (double)(n - i);
    }
    y[n] = Guard;
    daxpy(y, x, Scale, n);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t expected = n + 2 * i;
        if (y[i] != (double)expected)
            return WRONG("element", i, expected, (int64_t)y[i]);
    }
    if (y[n] != Guard)
        return WRONG("guard after the last element", n, (int64_t)Guard, (int64_t)y[n]);
    return OK;
}

/* Reads ahead by whole vectors: only first-faulting loads make that legal when the string ends before an unmapped page. */
static uint64_t strlen_first_faulting(const char *text, uint64_t *suppressed)
{
    const uint8_t *bytes = (const uint8_t *)text;
    const svbool_t all = svptrue_b8();
    uint64_t length = 0;

    for (;;) {
        svsetffr();
        svuint8_t data = svldff1_u8(all, bytes + length);
        svbool_t loaded = svrdffr();
        if (!svptest_last(all, loaded))
            ++*suppressed;
        svbool_t zero = svcmpeq_n_u8(loaded, data, 0);
        if (svptest_any(loaded, zero))
            return length + svcntp_b8(loaded, svbrkb_b_z(loaded, zero));
        length += svcntp_b8(all, loaded);
    }
}

/* Every length from 0 to 600, each string's terminator being the last byte before `edge`, which is not mapped. */
struct kernel_result sve_strlen_check(char *edge, uint64_t *lengths, uint64_t *suppressed)
{
    *lengths = 0;
    *suppressed = 0;
    edge[-1] = '\0';
    for (uint64_t length = 0; length <= 600; length++) {
        if (length != 0)
            edge[-1 - (int64_t)length] = (char)('a' + length % 26);
        uint64_t actual = strlen_first_faulting(edge - 1 - length, suppressed);
        if (actual != length)
            return WRONG("length", length, length, actual);
        ++*lengths;
    }
    if (*suppressed == 0)
        return WRONG("suppressed faults", 0, 1, 0);
    return OK;
}

/* A fault of the first active element is a real one, even for a first-faulting load. */
struct kernel_result sve_first_fault_check(const char *hole, struct caught *caught)
{
    fault_arm();
    __asm__ volatile("ptrue p0.b\n\tsetffr\n\tldff1b z0.b, p0/z, [%0]" ::"r"(hole) : "p0", "z0", "memory");
    *caught = fault_disarm();
    if (caught->count != 1)
        return WRONG("data aborts", 0, 1, caught->count);
    if (exception_class(caught->esr) != 0x25)
        return WRONG("exception class", 0, 0x25, exception_class(caught->esr));
    if (caught->far != (uint64_t)hole)
        return WRONG("FAR_EL1", 0, hole, caught->far);
    return OK;
}

#define REDUCE_MAX 512u

static uint8_t narrow[REDUCE_MAX];
static int32_t words[REDUCE_MAX];
static uint64_t longs[REDUCE_MAX];
static float singles[REDUCE_MAX];
static double doubles[REDUCE_MAX];

static __attribute__((noinline)) uint64_t sum_u64(uint64_t n)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < n; i++)
        sum += longs[i];
    return sum;
}

static __attribute__((noinline)) uint32_t sum_widened_u8(uint64_t n)
{
    uint32_t sum = 0;
    for (uint64_t i = 0; i < n; i++)
        sum += narrow[i];
    return sum;
}

static __attribute__((noinline)) int32_t max_s32(uint64_t n)
{
    int32_t max = INT32_MIN;
    for (uint64_t i = 0; i < n; i++)
        max = words[i] > max ? words[i] : max;
    return max;
}

/* A floating-point sum in source order: gcc uses FADDA. */
static __attribute__((noinline)) double ordered_sum(uint64_t n)
{
    double sum = 0;
    for (uint64_t i = 0; i < n; i++)
        sum += doubles[i];
    return sum;
}

static __attribute__((noinline, optimize("no-tree-vectorize"))) double scalar_sum(uint64_t n)
{
    double sum = 0;
    for (uint64_t i = 0; i < n; i++)
        sum += doubles[i];
    return sum;
}

/* A tree reduction (FADDV) of per-lane multiply-adds; the data make every order exact. */
static __attribute__((noinline)) float dot_singles(uint64_t n)
{
    svfloat32_t sum = svdup_n_f32(0);
    for (uint64_t i = 0; i < n; i += svcntw()) {
        svbool_t active = svwhilelt_b32_u64(i, n);
        svfloat32_t value = svld1_f32(active, singles + i);
        sum = svmla_f32_m(active, sum, value, value);
    }
    return svaddv_f32(svptrue_b32(), sum);
}

static uint64_t bits_of(double value)
{
    union {
        double number;
        uint64_t bits;
    } view = { value };
    return view.bits;
}

struct kernel_result sve_reduce(uint64_t n)
{
    uint64_t expected_sum = 0, expected_narrow = 0, expected_squares = 0;
    int32_t expected_max = INT32_MIN;

    default_rounding();
    for (uint64_t i = 0; i < n; i++) {
        longs[i] = (i + 1) * 0x0123456789abcdefUL;
        narrow[i] = (uint8_t)(i * 37);
        words[i] = (int32_t)((i * 2654435761u) & 0xffffff) - 0x800000;
        singles[i] = (float)(i % 16);
        /* Big and small magnitudes in turn: the sum depends on its order. */
        doubles[i] = (i % 3 == 0 ? 1e16 : i % 3 == 1 ? 1.0 : -1e16) + (double)i;
        expected_sum += longs[i];
        expected_narrow += narrow[i];
        expected_squares += (i % 16) * (i % 16);
        if (words[i] > expected_max)
            expected_max = words[i];
    }
    if (sum_u64(n) != expected_sum)
        return WRONG("u64 sum", n, expected_sum, sum_u64(n));
    if (sum_widened_u8(n) != expected_narrow)
        return WRONG("u8 sum", n, expected_narrow, sum_widened_u8(n));
    if (max_s32(n) != expected_max)
        return WRONG("s32 maximum", n, expected_max, max_s32(n));
    if (bits_of(ordered_sum(n)) != bits_of(scalar_sum(n)))
        return WRONG("ordered f64 sum", n, bits_of(scalar_sum(n)), bits_of(ordered_sum(n)));
    if (dot_singles(n) != (float)expected_squares)
        return WRONG("f32 dot product", n, expected_squares, (int64_t)dot_singles(n));
    return OK;
}
