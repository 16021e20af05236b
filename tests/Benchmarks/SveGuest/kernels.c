/*
 * Loops as compilers and libraries write them for any vector length. Floating-point data is inexact, as real data is, and small enough
 * never to overflow; every call starts from the same data, so that the checksum tells whether two machines computed the same.
 */
#include "guest.h"
#include <arm_sve.h>

#define COUNT 1000
#define ROWS 8
#define DEPTH 16
#define COLUMNS 96

static double x[COUNT], y[COUNT], z[COUNT];
static float a[ROWS][DEPTH], b[DEPTH][COLUMNS], c[ROWS][COLUMNS];
static float first[2 * COUNT], second[2 * COUNT], product[2 * COUNT];
static uint8_t text[8 * COUNT];
static uint32_t table[4 * COUNT], indices[COUNT], picked[COUNT];
static int8_t left[4 * COUNT], right[4 * COUNT];
static uint8_t flags[2][2 * COUNT];
static uint16_t levels[COUNT], scaled[COUNT];

static uint64_t mix(uint64_t hash, const void *data, uint64_t bytes)
{
    const uint32_t *words = data;
    for (uint64_t i = 0; i < bytes / 4; i++)
        hash = (hash ^ words[i]) * 0x100000001b3;
    return hash;
}

uint64_t checksum(uint64_t hash)
{
    hash = mix(hash, z, sizeof z);
    hash = mix(hash, c, sizeof c);
    hash = mix(hash, picked, sizeof picked);
    hash = mix(hash, product, sizeof product);
    return mix(hash, scaled, sizeof scaled);
}

static uint32_t state = 12345;

static uint32_t next(void)
{
    state = state * 1664525 + 1013904223;
    return state >> 8;
}

static double number(void)
{
    return (double)(int32_t)(next() - 0x800000) / 3e6;
}

void prepare(void)
{
    state = 12345;
    for (unsigned i = 0; i < COUNT; i++) {
        z[i] = 0;
        picked[i] = 0;
        scaled[i] = 0;
        x[i] = number();
        y[i] = number();
        indices[i] = next() % (4 * COUNT);
        levels[i] = (uint16_t)next();
    }
    for (unsigned i = 0; i < 2 * COUNT; i++) {
        product[i] = 0;
        first[i] = (float)number();
        second[i] = (float)number();
        flags[0][i] = (uint8_t)next();
        flags[1][i] = (uint8_t)next();
    }
    for (unsigned i = 0; i < 4 * COUNT; i++) {
        table[i] = next();
        left[i] = (int8_t)next();
        right[i] = (int8_t)next();
    }
    for (unsigned k = 0; k < DEPTH; k++) {
        for (unsigned row = 0; row < ROWS; row++)
            a[row][k] = (float)number();
        for (unsigned column = 0; column < COLUMNS; column++)
            b[k][column] = (float)number();
    }
    for (unsigned i = 0; i < ROWS * COLUMNS; i++)
        c[i / COLUMNS][i % COLUMNS] = 0;
    for (unsigned i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(next() | 1);
    for (unsigned i = 699; i < sizeof text; i += 700)
        text[i] = 0;
    text[sizeof text - 1] = 0;
}

/* y = a x + y on doubles. */
uint64_t k_daxpy(void)
{
    svfloat64_t factor = svdup_f64(1.0 / 3.0);
    for (uint64_t i = 0; i < COUNT; i += svcntd()) {
        svbool_t p = svwhilelt_b64(i, (uint64_t)COUNT);
        svst1(p, z + i, svmla_x(p, svld1(p, y + i), svld1(p, x + i), factor));
    }
    return 0;
}

/* C = A B, four rows at a time, each element of A broadcast. */
uint64_t k_sgemm(void)
{
    for (unsigned row = 0; row < ROWS; row += 4) {
        for (uint64_t i = 0; i < COLUMNS; i += svcntw()) {
            svbool_t p = svwhilelt_b32(i, (uint64_t)COLUMNS);
            svfloat32_t c0 = svdup_f32(0), c1 = c0, c2 = c0, c3 = c0;
            for (unsigned k = 0; k < DEPTH; k++) {
                svfloat32_t line = svld1(p, &b[k][i]);
                c0 = svmla_x(p, c0, line, svdup_f32(a[row][k]));
                c1 = svmla_x(p, c1, line, svdup_f32(a[row + 1][k]));
                c2 = svmla_x(p, c2, line, svdup_f32(a[row + 2][k]));
                c3 = svmla_x(p, c3, line, svdup_f32(a[row + 3][k]));
            }
            svst1(p, &c[row][i], c0);
            svst1(p, &c[row + 1][i], c1);
            svst1(p, &c[row + 2][i], c2);
            svst1(p, &c[row + 3][i], c3);
        }
    }
    return 0;
}

/* Length of a string whose end is unknown: first-fault loads, FFR. */
static uint64_t length(const uint8_t *string)
{
    uint64_t at = 0;
    svsetffr();
    while (1) {
        svbool_t all = svptrue_b8();
        svuint8_t bytes = svldff1(all, string + at);
        svbool_t loaded = svrdffr_z(all);
        if (svptest_last(all, loaded)) {
            svbool_t end = svcmpeq(all, bytes, 0);
            if (svptest_any(all, end))
                return at + svcntp_b8(all, svbrkb_z(all, end));
            at += svcntb();
        } else {
            svbool_t end = svcmpeq(loaded, bytes, 0);
            if (svptest_any(loaded, end))
                return at + svcntp_b8(loaded, svbrkb_z(loaded, end));
            at += svcntp_b8(all, loaded);
            svsetffr();
        }
    }
}

uint64_t k_strlen(void)
{
    uint64_t hash = 0;
    for (uint64_t at = 0; at < sizeof text; at++) {
        uint64_t count = length(text + at);
        hash = hash * 31 + count;
        at += count;
    }
    return hash;
}

/* Words at given places, gathered. */
uint64_t k_gather(void)
{
    for (uint64_t i = 0; i < COUNT; i += svcntw()) {
        svbool_t p = svwhilelt_b32(i, (uint64_t)COUNT);
        svst1(p, picked + i, svld1_gather_index(p, table, svld1(p, indices + i)));
    }
    return 0;
}

/* Products of complex singles. */
uint64_t k_complex(void)
{
    for (uint64_t i = 0; i < 2 * COUNT; i += svcntw()) {
        svbool_t p = svwhilelt_b32(i, (uint64_t)(2 * COUNT));
        svfloat32_t n = svld1(p, first + i), m = svld1(p, second + i);
        svst1(p, product + i, svcmla_x(p, svcmla_x(p, svdup_f32(0), n, m, 0), n, m, 90));
    }
    return 0;
}

/* Dot products of bytes, as quantised neural networks use them. */
uint64_t k_dot(void)
{
    svint32_t s0 = svdup_s32(0);
    for (uint64_t i = 0; i < sizeof left; i += svcntb()) {
        svbool_t p = svwhilelt_b8(i, (uint64_t)sizeof left);
        s0 = svdot(s0, svld1(p, left + i), svld1(p, right + i));
    }
    return (uint64_t)svaddv(svptrue_b32(), s0);
}

/* Comparisons, logic on predicates, counts. */
uint64_t k_predicate(void)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < sizeof flags[0]; i += svcntb()) {
        svbool_t p = svwhilelt_b8(i, (uint64_t)sizeof flags[0]);
        svuint8_t n = svld1(p, flags[0] + i), m = svld1(p, flags[1] + i);
        svbool_t low = svcmplt(p, n, 64), even = svcmpeq(p, svand_x(p, m, 1), 0), more = svcmpgt(p, n, m);
        svbool_t either = svorr_z(p, svand_z(p, low, even), svbic_z(p, more, low));
        svbool_t chosen = svsel(either, sveor_z(p, even, more), svnot_z(p, low));
        count += svcntp_b8(p, svand_z(p, chosen, p)) + 3 * svcntp_b8(p, either);
        if (svptest_first(p, chosen))
            count++;
    }
    return count;
}

/* Halfwords: multiply-add, shift, clamp. */
uint64_t k_integer(void)
{
    svuint16_t gain = svdup_u16(77), offset = svdup_u16(1234);
    for (uint64_t i = 0; i < COUNT; i += svcnth()) {
        svbool_t p = svwhilelt_b16(i, (uint64_t)COUNT);
        svuint16_t level = svmla_x(p, offset, svld1(p, levels + i), gain);
        level = svmin_x(p, svadd_x(p, svlsr_x(p, level, 3), sveor_x(p, level, gain)), 50000);
        svst1(p, scaled + i, level);
    }
    return 0;
}
