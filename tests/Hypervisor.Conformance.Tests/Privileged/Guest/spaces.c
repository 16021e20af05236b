/* Address spaces: the upper half, ASIDs and maintenance, tags, contiguous entries, permissions of tables. */
#include "guest.h"

#define EPD1 (1ull << 23)
#define TBI0 (1ull << 37)
#define TBI1 (1ull << 38)
#define HPD0 (1ull << 41)
#define HPD1 (1ull << 42)
#define TBID0 (1ull << 51)
#define TBID1 (1ull << 52)
#define A1 (1ull << 22)
#define WIDE_ASIDS (1ull << 36)
#define TARGET (VALID | AF | INNER | AP(1))

static uint64_t tcr;

/* TCR_EL1 of the upper half, whose granules are numbered differently. */
static uint64_t upper_tcr(unsigned bits)
{
    uint64_t granule = granule_kib == 4 ? 2 : granule_kib == 16 ? 1 : 3;
    return (tcr & ~EPD1) | (uint64_t)(64 - bits) << 16 | 1ull << 24 | 1ull << 26 | 3ull << 28 | granule << 30;
}

static void set_tcr(uint64_t value)
{
    write_register(tcr_el1, value);
    flush();
}

/* The accesses of a case with a name of two parts. */
static void both(const char *first, const char *second)
{
    static char name[64];
    unsigned n = 0;
    while (*first)
        name[n++] = *first++;
    while (*second)
        name[n++] = *second++;
    name[n] = 0;
    all_accesses(name);
}

static uint64_t upper(unsigned bits, uint64_t va) { return ~0ull << bits | va; }

static void upper_half(void)
{
    static const struct { const char *name; unsigned bits; } sizes[] = { { "ttbr1-39 ", 39 }, { "ttbr1-36 ", 36 } };
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        write_register(ttbr1_el1, upper_root(sizes[i].bits));
        set_tcr(upper_tcr(sizes[i].bits));
        address = upper(sizes[i].bits, WINDOW + 0x20);
        map(TARGET);
        both(sizes[i].name, "");
        map(VALID | AF | INNER | AP(3));
        both(sizes[i].name, "ro ");
        map(0);
        both(sizes[i].name, "invalid ");
        map(TARGET);
        address = upper(sizes[i].bits, WINDOW + 0x20) - (1ull << sizes[i].bits);
        both(sizes[i].name, "below ");
        address = upper(sizes[i].bits, WINDOW << 1);
        both(sizes[i].name, "no-table ");
    }
    set_tcr(tcr);
}

static void tags(void)
{
    static const struct { const char *name, *upper; uint64_t bits; } controls[] = {
        { "tbi-off ", "tbi-off upper ", 0 }, { "tbi0 ", "tbi0 upper ", TBI0 }, { "tbi1 ", "tbi1 upper ", TBI1 },
        { "tbi ", "tbi upper ", TBI0 | TBI1 }, { "tbid ", "tbid upper ", TBI0 | TBI1 | TBID0 | TBID1 },
    };
    static const struct { const char *name; uint64_t bits; } leaves[] = { { "rw ", TARGET }, { "exec ", VALID | AF | INNER | AP(3) }, { "invalid ", 0 } };
    write_register(ttbr1_el1, upper_root(39));
    for (unsigned i = 0; i < sizeof controls / sizeof controls[0]; i++) {
        set_tcr(upper_tcr(39) | controls[i].bits);
        for (unsigned j = 0; j < sizeof leaves / sizeof leaves[0]; j++) {
            map(leaves[j].bits);
            address = (WINDOW + 0x20) | 0x5aull << 56;
            both(controls[i].name, leaves[j].name);
            address = upper(39, WINDOW + 0x20) & ~(0xa5ull << 56);
            both(controls[i].upper, leaves[j].name);
        }
    }
    set_tcr(tcr);
}

/* Tables restrict what their entries allow; the target goes to a table that the instructions do not need. */
static void hierarchy(void)
{
    static const struct { const char *name; uint64_t bits, tcr; } tables[] = {
        { "aptable-1 ", TABLE_AP(1), 0 }, { "aptable-2 ", TABLE_AP(2), 0 }, { "aptable-3 ", TABLE_AP(3), 0 }, { "uxntable ", TABLE_UXN, 0 },
        { "pxntable ", TABLE_PXN, 0 }, { "hpd ", TABLE_AP(3) | TABLE_UXN | TABLE_PXN, HPD0 }, { "hpd-upper ", TABLE_AP(3), HPD1 },
    };
    static const struct { const char *name; uint64_t bits; } leaves[] = {
        { "all-rw ", TARGET }, { "all-ro ", VALID | AF | INNER | AP(3) }, { "el1-ro ", VALID | AF | INNER | AP(2) }, { "invalid ", 0 },
    };
    for (unsigned i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        table()[1] = (uint64_t)next_table | 3 | tables[i].bits;
        set_tcr(tcr | tables[i].tcr);
        for (unsigned j = 0; j < sizeof leaves / sizeof leaves[0]; j++) {
            next_table[0] = leaves[j].bits ? (uint64_t)target | leaves[j].bits : 0;
            flush();
            address = WINDOW + TABLE_BYTES + 0x20;
            both(tables[i].name, leaves[j].name);
        }
    }
    set_tcr(tcr);
    table()[1] = 0;
    flush();
}

/* Entries with the contiguous bit: a whole group of pages, and where there are such of blocks. */
static void contiguous(void)
{
    unsigned pages = granule_kib == 4 ? 16 : granule_kib == 16 ? 128 : 32;
    table()[1] = (uint64_t)next_table | 3;
    for (unsigned i = 0; i < pages; i++)
        next_table[i] = (SPARE_RAM + i * PAGE_BYTES) | VALID | AF | INNER | AP(3) | CONTIGUOUS;
    for (unsigned i = 0; i < pages; i++)
        *(volatile uint64_t *)(SPARE_RAM + i * PAGE_BYTES + 0x20) = FILLER | (uint64_t)i << 32;
    flush();
    unsigned shown[] = { 0, 1, pages / 2, pages - 1, pages };
    static const char *const names[] = { "first ", "second ", "middle ", "last ", "next " };
    for (unsigned i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        address = WINDOW + TABLE_BYTES + shown[i] * PAGE_BYTES + 0x20;
        both("contiguous ", names[i]);
    }
    if (granule_kib == 4) {
        for (unsigned i = 0; i < 16; i++)
            table()[16 + i] = (SPARE_RAM + i * TABLE_BYTES) | 1 | AF | INNER | AP(2) | CONTIGUOUS;
        *(volatile uint64_t *)(SPARE_RAM + 15 * TABLE_BYTES + 0x20) = FILLER;
        flush();
        uint64_t offsets[] = { 0, PAGE_BYTES, 15 * TABLE_BYTES, 16 * TABLE_BYTES };
        for (unsigned i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
            address = WINDOW + 16 * TABLE_BYTES + offsets[i] + 0x20;
            both("contiguous block ", names[i]);
        }
        for (unsigned i = 0; i < 16; i++)
            table()[16 + i] = 0;
    }
    for (unsigned i = 0; i < pages; i++)
        next_table[i] = 0;
    table()[1] = 0;
    flush();
}

/* After a change of a descriptor and the maintenance that covers it the new page is seen, and so it is by another ASID. */
static uint64_t seen(void) { return *(volatile uint32_t *)(WINDOW + 0x20) == FILLER ? 1 : 2; }

static const char *maintained = "maintenance ";

static void show(const char *name, uint64_t before, uint64_t after)
{
    print(maintained);
    print(name);
    print_hex(": v", before);
    print_hex(" x0=", after);
    end();
}

#define maintain(operation, operand) __asm__ volatile("dsb ishst\n\ttlbi " operation ", %0\n\tdsb ish\n\tisb" : : "r"((uint64_t)(operand)) : "memory")
#define form(operation, global, operand) do { \
        *leaf(0) = (uint64_t)target | TARGET | (global); \
        flush(); \
        uint64_t before_ = seen(); \
        *leaf(0) = SPARE_RAM | TARGET | (global); \
        maintain(operation, operand); \
        show(operation, before_, seen()); \
    } while (0)
#define coded(name, code, global, operand) do { \
        *leaf(0) = (uint64_t)target | TARGET | (global); \
        flush(); \
        uint64_t before_ = seen(); \
        *leaf(0) = SPARE_RAM | TARGET | (global); \
        __asm__ volatile("dsb ishst\n\tsys " code ", %0\n\tdsb sy\n\tisb" : : "r"((uint64_t)(operand)) : "memory"); \
        show(name, before_, seen()); \
    } while (0)

static void use_asid(uint64_t asid)
{
    write_register(ttbr0_el1, (read_register(ttbr0_el1) & 0xffffffffffffull) | asid << 48);
}

static void maintenance(void)
{
    uint64_t page = WINDOW >> 12, asid = 0x12ull << 48;
    uint64_t range = WINDOW / PAGE_BYTES | (granule_kib == 4 ? 1ull : granule_kib == 16 ? 2ull : 3ull) << 46;
    target[8] = FILLER;
    *(volatile uint32_t *)(SPARE_RAM + 0x20) = BRK;
    set_tcr(tcr | WIDE_ASIDS);
    use_asid(0x12);
    for (int global = 0; global < 2; global++) {
        uint64_t bits = global ? 0 : NOT_GLOBAL;
        maintained = global ? "global maintenance " : "maintenance ";
        form("vae1", bits, page | asid);
        form("vae1is", bits, page | asid);
        form("vale1", bits, page | asid);
        form("vale1is", bits, page | asid);
        form("vaae1", bits, page);
        form("vaae1is", bits, page);
        form("vaale1", bits, page);
        form("vaale1is", bits, page);
        coded("vmalle1", "#0, c8, c7, #0", bits, 0);
        coded("vmalle1is", "#0, c8, c3, #0", bits, 0);
        coded("vmalle1os", "#0, c8, c1, #0", bits, 0);
        coded("vae1os", "#0, c8, c1, #1", bits, page | asid);
        coded("vaae1os", "#0, c8, c1, #3", bits, page);
        coded("vale1os", "#0, c8, c1, #5", bits, page | asid);
        coded("vaale1os", "#0, c8, c1, #7", bits, page);
        coded("rvae1", "#0, c8, c6, #1", bits, range | asid);
        coded("rvaae1", "#0, c8, c6, #3", bits, range);
        coded("rvale1", "#0, c8, c6, #5", bits, range | asid);
        coded("rvaale1", "#0, c8, c6, #7", bits, range);
        coded("rvae1is", "#0, c8, c2, #1", bits, range | asid);
        coded("rvaae1is", "#0, c8, c2, #3", bits, range);
        coded("rvae1os", "#0, c8, c5, #1", bits, range | asid);
        coded("rvaale1os", "#0, c8, c5, #7", bits, range);
        if (!global) {
            form("aside1", bits, asid);
            form("aside1is", bits, asid);
            coded("aside1os", "#0, c8, c1, #2", bits, asid);
        }
    }
    /* An address space whose ASID has no translation yet sees its own page; TCR_EL1.AS says how many bits tell them apart. */
    static const struct { const char *name; uint64_t tcr, other; } spaces[] = { { "asid-13", WIDE_ASIDS, 0x13 }, { "asid-112", WIDE_ASIDS, 0x112 }, { "asid8-13", 0, 0x13 } };
    for (unsigned i = 0; i < sizeof spaces / sizeof spaces[0]; i++) {
        set_tcr(tcr | spaces[i].tcr);
        *leaf(0) = (uint64_t)target | TARGET | NOT_GLOBAL;
        flush();
        uint64_t before = seen();
        *leaf(0) = SPARE_RAM | TARGET | NOT_GLOBAL;
        __asm__ volatile("dsb ishst" ::: "memory");
        use_asid(spaces[i].other);
        maintained = "ttbr0 ";
        show(spaces[i].name, before, seen());
        use_asid(0x12);
        /* The same by TTBR1_EL1's ASID. */
        write_register(ttbr1_el1, (uint64_t)upper_root(39) | 0x21ull << 48);
        set_tcr(upper_tcr(39) | spaces[i].tcr | A1);
        *leaf(0) = (uint64_t)target | TARGET | NOT_GLOBAL;
        flush();
        before = seen();
        *leaf(0) = SPARE_RAM | TARGET | NOT_GLOBAL;
        __asm__ volatile("dsb ishst" ::: "memory");
        write_register(ttbr1_el1, (uint64_t)upper_root(39) | 0x22ull << 48);
        maintained = "ttbr1 ";
        show(spaces[i].name, before, seen());
        set_tcr(tcr);
    }
    use_asid(0);
    map(TARGET);
}

void spaces(void)
{
    tcr = read_register(tcr_el1);
    upper_half();
    if (granule_kib == 4)
        tags();
    hierarchy();
    contiguous();
    maintenance();
}
