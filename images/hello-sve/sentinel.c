/* Register values that stay loaded while the guest waits for input.
 *
 * Everything outside kernels.c and scalar.c is compiled for general registers only and without x24-x28, so these registers
 * hold what sentinel_load put there until the next command that computes. Their values follow from the commands typed
 * so far and from nothing else: a restored snapshot must print the very same `regs`. */
#include "hello.h"

#include <arm_acle.h>

#define SENTINEL_X 5u

register uint64_t sentinel_x24 __asm__("x24");
register uint64_t sentinel_x25 __asm__("x25");
register uint64_t sentinel_x26 __asm__("x26");
register uint64_t sentinel_x27 __asm__("x27");
register uint64_t sentinel_x28 __asm__("x28");

struct vectors {
    uint8_t z[32 * MAX_VL_BYTES];
    uint8_t p[16 * MAX_VL_BYTES / 8];
    uint8_t ffr[MAX_VL_BYTES / 8];
} __attribute__((aligned(16)));

static struct vectors loaded, live;
static uint64_t seed = 0x68656c6c6f737665UL;

/* FNV-1a over the text of a command. */
void sentinel_mix(const char *text)
{
    for (; *text != '\0'; text++)
        seed = (seed ^ (uint8_t)*text) * 0x100000001b3UL;
    seed = (seed ^ '\n') * 0x100000001b3UL;
}

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15UL;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9UL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebUL;
    return z ^ (z >> 31);
}

static void fill(uint8_t *bytes, uint64_t count, uint64_t *state)
{
    for (uint64_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)next_random(state);
}

static uint64_t z_bytes(void)
{
    return sve_present() ? sve_vector_bytes() : 16;
}

void sentinel_load(void)
{
    uint64_t state = seed;
    uint64_t vector = z_bytes();

    fill(loaded.z, 32 * vector, &state);
    if (sve_present()) {
        fill(loaded.p, 16 * vector / 8, &state);
        /* Only a run of ones from bit 0 is a value that FFR may hold. */
        uint64_t ones = next_random(&state) % (vector + 1);
        for (uint64_t i = 0; i < vector / 8; i++)
            loaded.ffr[i] = (uint8_t)(ones >= 8 * (i + 1) ? 0xff : ones <= 8 * i ? 0 : (1u << (ones - 8 * i)) - 1);
        sve_state_load(loaded.z, loaded.p, loaded.ffr);
    } else {
        simd_state_load(loaded.z);
    }
    WRITE_SYSREG(fpcr, (next_random(&state) & 3) << 22);
    WRITE_SYSREG(fpsr, next_random(&state) & 0x0800009f);
    sentinel_x24 = next_random(&state);
    sentinel_x25 = next_random(&state);
    sentinel_x26 = next_random(&state);
    sentinel_x27 = next_random(&state);
    sentinel_x28 = next_random(&state);
    WRITE_SYSREG(tpidr_el0, next_random(&state));
    WRITE_SYSREG(tpidr_el1, next_random(&state));
}

static uint32_t checksum(uint32_t sum, const uint8_t *bytes, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        sum = __crc32b(sum, bytes[i]);
    return sum;
}

static uint32_t checksum_value(uint32_t sum, uint64_t value)
{
    return __crc32d(sum, value);
}

/* Most significant byte first, as a number is written. */
static void print_bytes(const uint8_t *bytes, uint64_t count)
{
    while (count-- != 0)
        say("%02lx", (uint64_t)bytes[count]);
}

static bool equal(const uint8_t *a, const uint8_t *b, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        if (a[i] != b[i])
            return false;
    }
    return true;
}

static uint32_t print_scalars(uint32_t sum)
{
    const uint64_t values[] = { sentinel_x24, sentinel_x25, sentinel_x26, sentinel_x27, sentinel_x28,
        READ_SYSREG(tpidr_el0), READ_SYSREG(tpidr_el1), READ_SYSREG(fpcr), READ_SYSREG(fpsr) };

    say("X24=%016lx X25=%016lx X26=%016lx\n", values[0], values[1], values[2]);
    say("X27=%016lx X28=%016lx\n", values[3], values[4]);
    say("TPIDR_EL0=%016lx TPIDR_EL1=%016lx FPCR=%08lx FPSR=%08lx\n", values[5], values[6], values[7], values[8]);
    for (unsigned i = 0; i < sizeof values / sizeof values[0]; i++)
        sum = checksum_value(sum, values[i]);
    return sum;
}

/* Prints the registers as they are now: the low 128 bits and a CRC-32 of each vector, and one checksum over everything. */
void sentinel_print(void)
{
    bool sve = sve_present();
    uint64_t vector = z_bytes();
    uint64_t predicate = vector / 8;
    uint32_t sum = 0xffffffff;

    if (sve) {
        sve_state_store(live.z, live.p, live.ffr);
        say("VL LEN=%lu bits=%lu\n", (uint64_t)sve_len(), vector * 8);
    } else {
        simd_state_store(live.z);
    }
    sum = print_scalars(sum);
    for (uint64_t n = 0; n < 32; n++) {
        const uint8_t *z = live.z + n * vector;
        say("%c%02lu=", sve ? 'Z' : 'V', n);
        print_bytes(z, 16);
        say(" crc=%08lx\n", (uint64_t)checksum(0xffffffff, z, vector));
    }
    sum = checksum(sum, live.z, 32 * vector);
    bool same = equal(live.z, loaded.z, 32 * vector);
    if (sve) {
        for (uint64_t n = 0; n < 16; n++) {
            say("P%02lu=", n);
            print_bytes(live.p + n * predicate, predicate);
            say("\n");
        }
        say("FFR=");
        print_bytes(live.ffr, predicate);
        say("\n");
        sum = checksum(checksum(sum, live.p, 16 * predicate), live.ffr, predicate);
        same = same && equal(live.p, loaded.p, 16 * predicate) && equal(live.ffr, loaded.ffr, predicate);
    }
    say("regs %s checksum=%08lx\n", same ? "ok" : "FAIL vectors differ from what was loaded", (uint64_t)sum);
}
