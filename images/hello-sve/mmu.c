/* The identity map: 4 KiB granule, 39-bit addresses, levels 1 to 3. */
#include "hello.h"

#define PAGE 4096UL
#define BLOCK 0x200000UL

#define VALID_BLOCK 1UL
#define VALID_TABLE 3UL
#define VALID_PAGE 3UL
#define ATTR_DEVICE (0UL << 2)
#define ATTR_NORMAL (1UL << 2)
#define AP_READ_ONLY (2UL << 6)
#define INNER_SHAREABLE (3UL << 8)
#define ACCESS_FLAG (1UL << 10)
#define PXN (1UL << 53)
#define UXN (1UL << 54)

#define NORMAL_DATA (ATTR_NORMAL | INNER_SHAREABLE | ACCESS_FLAG | PXN | UXN)

static uint64_t device_l2[512] __attribute__((aligned(4096), section(".noinit")));
static uint64_t ram_l2[512] __attribute__((aligned(4096), section(".noinit")));
static uint64_t image_l3[512] __attribute__((aligned(4096), section(".noinit")));

static void clear(uint64_t *table)
{
    for (unsigned i = 0; i < 512; i++)
        table[i] = 0;
}

static uint64_t image_page(uint64_t address)
{
    if (address < (uint64_t)__image_start)
        return address | NORMAL_DATA | AP_READ_ONLY | VALID_PAGE;   /* the loader's device tree may be here */
    if (address < (uint64_t)__text_end)
        return address | ATTR_NORMAL | INNER_SHAREABLE | ACCESS_FLAG | UXN | AP_READ_ONLY | VALID_PAGE;
    if (address < (uint64_t)__rodata_end)
        return address | NORMAL_DATA | AP_READ_ONLY | VALID_PAGE;
    if (address == (uint64_t)__hole_page || address >= (uint64_t)__image_end)
        return 0;
    return address | NORMAL_DATA | VALID_PAGE;
}

void mmu_build(void)
{
    clear(page_table_l1);
    clear(device_l2);
    clear(ram_l2);

    for (uint64_t address = GICD_BASE; address <= UART_BASE; address += BLOCK)
        device_l2[address / BLOCK] = address | ATTR_DEVICE | ACCESS_FLAG | PXN | UXN | VALID_BLOCK;

    for (unsigned i = 0; i < 512; i++)
        image_l3[i] = image_page(RAM_BASE + i * PAGE);
    ram_l2[0] = (uint64_t)image_l3 | VALID_TABLE;
    ram_l2[1] = SCRATCH_BASE | NORMAL_DATA | VALID_BLOCK;

    page_table_l1[0] = (uint64_t)device_l2 | VALID_TABLE;
    page_table_l1[1] = (uint64_t)ram_l2 | VALID_TABLE;
    DSB();
}
