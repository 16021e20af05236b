/* Runs single instructions at EL0 and EL1 and prints what becomes of them; see cases.c. */
#ifndef GUEST_H
#define GUEST_H

#include <stdint.h>

/* What one instruction runs with and leaves behind; start.S knows the offsets. */
struct context {
    uint64_t x[31];
    uint64_t sp_el0;
    uint64_t pc;
    uint64_t spsr;
    uint64_t esr;
    uint64_t far;
    uint64_t vector; /* offset of the vector that was taken */
};

/* An instruction with its name, from the tables in instructions.S. */
struct instruction {
    char name[24];
    uint32_t word;
    uint32_t unused;
};

extern const struct instruction accesses[], accesses_end[], generators[], generators_end[], registers[], registers_end[],
    jumps[], jumps_end[], landings[], landings_end[];

/* Enters the context by ERET; comes back when it has taken an exception, with what it left. */
void enter(struct context *context);

void print(const char *text);
void print_hex(const char *name, uint64_t value);

/* Tables of one granule (4, 16 or 64 KiB): RAM and devices map to themselves, the rest is as `map` says. */
void use_granule(unsigned kib);
uint64_t *leaf(unsigned page);  /* the descriptor of page 0 to 3 of the window */
uint64_t *table(void);          /* the descriptor of the table that holds them; those after it are free */
extern uint64_t next_table[8192]; /* for one of those */
uint64_t *upper_root(unsigned bits); /* the same mappings as a root for addresses of 39 or 36 bits */
void flush(void);
extern unsigned granule_kib;

/* The table of cases: cases.c, branches.c, spaces.c. */
void branches(void);
void spaces(void);

/* What the cases work with: a page that they access, one with the instructions, and words that tell where a branch went. */
extern uint32_t target[16384], slot[16384];
extern const char *prefix;  /* of the name of a case */
extern uint64_t address;    /* X1, X16, X17 and SP_EL0 of a case */
extern uint32_t landing;    /* the word at offset 0x20 of the target */
uint64_t slot_address(uint64_t spsr);
void map_slots(uint64_t bits); /* further bits of the descriptors of EL1's and EL0's view of the instructions */
void map(uint64_t bits);       /* the descriptor of the target; 0 for none */

/* Runs one or two instructions and prints what became of them; `end` ends the line. */
void run(const char *name, uint32_t first, uint32_t second, uint64_t spsr);
void end(void);

/* Each access through the current mapping, at each level. */
void all_accesses(const char *what);

#define VALID 3ull
#define AF (1ull << 10)
#define INNER (3ull << 8)
#define NOT_GLOBAL (1ull << 11)
#define AP(n) ((uint64_t)(n) << 6)
#define PXN (1ull << 53)
#define UXN (1ull << 54)
#define GP (1ull << 50)
#define DBM (1ull << 51)
#define CONTIGUOUS (1ull << 52)
#define ATTRIBUTE(n) ((uint64_t)(n) << 2)
#define TABLE_AP(n) ((uint64_t)(n) << 61)
#define TABLE_UXN (1ull << 60)
#define TABLE_PXN (1ull << 59)

#define FILLER 0xd4205540u /* brk #0x2aa */
#define BRK 0xd4207fe0u    /* brk #0x3ff */

#define EL0 0x3c0ull
#define EL1T 0x3c4ull
#define EL1H 0x3c5ull
#define PAN (1ull << 22)
#define UAO (1ull << 23)
#define STEP (1ull << 21)

#define WINDOW 0x100000000ull
#define PAGE_BYTES ((uint64_t)granule_kib * 1024)
#define TABLE_BYTES (PAGE_BYTES * PAGE_BYTES / 8) /* what a table of pages maps */
#define SPARE_RAM 0x42000000ull

#define read_register(name) ({ uint64_t value_; __asm__ volatile("mrs %0, " #name : "=r"(value_)); value_; })
#define write_register(name, value) __asm__ volatile("msr " #name ", %0\n\tisb" : : "r"((uint64_t)(value)) : "memory")

#endif
