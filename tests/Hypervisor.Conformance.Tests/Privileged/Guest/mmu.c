#include "guest.h"

/* Every table fills a whole 64 KiB page, whatever the granule is. */
#define TABLE __attribute__((aligned(65536)))
static uint64_t level1[8192] TABLE, level2_low[8192] TABLE, level2_window[8192] TABLE, level3[8192] TABLE;
uint64_t next_table[8192] TABLE;

unsigned granule_kib;
static uint64_t *window_table;

#define BLOCK 1ull
#define TABLE_BIT 3ull
#define DEVICE (1ull << 2)

static void clear(uint64_t *entries)
{
    for (int i = 0; i < 8192; i++)
        entries[i] = 0;
}

void flush(void)
{
    __asm__ volatile("dsb ish\n\ttlbi vmalle1\n\tic iallu\n\tdsb ish\n\tisb" ::: "memory");
}

/* 39-bit addresses: 4 KiB starts at level 1, 16 KiB too, 64 KiB at level 2. */
void use_granule(unsigned kib)
{
    uint64_t normal = BLOCK | AF | INNER | UXN, device = BLOCK | AF | DEVICE | UXN | PXN, *root = level1;
    write_register(sctlr_el1, read_register(sctlr_el1) & ~1ull);
    granule_kib = kib;
    clear(level1);
    clear(level2_low);
    clear(level2_window);
    clear(level3);
    clear(next_table);
    uint64_t granule;
    if (kib == 4) {
        level1[0] = device;
        level1[1] = 0x40000000 | normal;
        level1[WINDOW >> 30] = (uint64_t)level2_window | TABLE_BIT;
        window_table = &level2_window[0];
        granule = 0;
    } else if (kib == 16) {
        level1[0] = (uint64_t)level2_low | TABLE_BIT;
        level2_low[0x08000000 >> 25] = 0x08000000 | device;
        for (int i = 0; i < 2; i++)
            level2_low[(0x40000000 >> 25) + i] = (0x40000000 + ((uint64_t)i << 25)) | normal;
        window_table = &level2_low[WINDOW >> 25];
        granule = 2;
    } else {
        level1[0] = device;
        level1[2] = 0x40000000 | normal;
        window_table = &level1[WINDOW >> 29];
        granule = 1;
    }
    *window_table = (uint64_t)level3 | TABLE_BIT;
    write_register(mair_el1, 0x4400ff); /* 0 normal write-back, 1 device nGnRnE, 2 normal non-cacheable */
    write_register(tcr_el1, 25 | (1 << 8) | (1 << 10) | (3 << 12) | (granule << 14) | (1 << 23) | (2ull << 32));
    write_register(ttbr0_el1, root);
    flush();
    write_register(sctlr_el1, 0x30d00800 | 1 | (1 << 2) | (1 << 3) | (1 << 4) | (1 << 12) | (1 << 14) | (1 << 15) | (1 << 16) | (1 << 18) | (1 << 26));
}

uint64_t *leaf(unsigned page) { return &level3[page]; }

uint64_t *table(void) { return window_table; }

uint64_t *upper_root(unsigned bits) { return granule_kib == 16 && bits <= 36 ? level2_low : level1; }
